"""The operator as the source of routing: called until it answers, followed until it goes, and bridged by the copy."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
from aiohttp import ClientSession

from plimsoll.gateway.cold_start import Copy
from plimsoll.gateway.dialling import Papers, Reason, Unanswered, dial, new_session, papers_of, resolve
from plimsoll.gateway.listening import Conversation
from plimsoll.gateway.routing_file import Trouble
from plimsoll.gateway.settings import Operator
from plimsoll.gateway.state import Routes
from plimsoll.routing.changes import SchemaTooNew
from plimsoll.routing.conversation import SILENCE, Load
from plimsoll.routing.copies import DamagedCopy
from plimsoll.routing.document import Document, Version

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All in seconds."""

    silence: float = SILENCE
    # Between two rounds over all addresses: from the first to the longest, twice as long each time.
    first: float = 0.2
    longest: float = 5.0
    # While somebody answers who does not lead yet, or one has led a moment ago: whoever will lead is not far away.
    longest_waiting: float = 0.5
    # Before the copy is read at all, and then between two looks at it.
    cold: float = 2.0
    look: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Whom it tells, and whom it asks. All but `compile` are called in the event loop."""

    compile: Callable[[Document], Routes]
    serve: Callable[[Routes], None]
    refused: Callable[[Trouble], None]
    reconnects: Callable[[Reason], None]
    load: Callable[[], Load]


class OperatorLine:
    """Used in the event loop only, but for `older` and `compile`."""

    def __init__(
        self,
        operator: Operator,
        house: House,
        pace: Pace = Pace(),
        resolve: Callable[[str, int], Awaitable[Sequence[str]]] = resolve,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._operator = operator
        self._house = house
        self._pace = pace
        self._resolve = resolve
        self._clock = asyncio.get_running_loop().time
        self._chance = chance
        self.silence = pace.silence
        self.connected = False
        self._last_word = self._clock()
        self._known: Version | None = None
        # From the first document of an operator on, the copy is of no use.
        self._met = False
        self._said = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def age(self) -> float:
        """Of the last word of the operator; in seconds."""
        return self._clock() - self._last_word

    def start(self) -> None:
        work = [self._follow()]
        if self._operator.copy is not None:
            work.append(self._bridge(Copy(self._operator.copy)))
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """With a goodbye to the operator."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What a conversation tells.

    def spoken_to(self) -> None:
        self._last_word = self._clock()

    def older(self, document: Document) -> bool:
        """The same version counts: a copy has no pods, and who restarts without a lease begins anew."""
        return self._known is not None and document.version < self._known

    def compile(self, document: Document) -> Routes:
        return self._house.compile(document)

    def serve(self, routes: Routes) -> None:
        # The copy may have come while it was compiled.
        if not self.older(routes.document):
            self._met = True
            self._serve(routes)

    def refused(self, trouble: Trouble) -> None:
        self._house.refused(trouble)

    def load(self) -> Load:
        return msgspec.structs.replace(self._house.load(), serves=self._known)

    # The line.

    async def _follow(self) -> None:
        failures = 0
        async with new_session() as session:
            while True:
                begun = self._clock()
                try:
                    reasons = await self._round(session)
                except Exception:  # noqa: BLE001 - whatever it was, a gateway that follows nobody serves what is over
                    _LOG.exception("the operator cannot be followed, and it is tried again")
                    reasons = []
                failures = 1 if self._clock() - begun > self._pace.longest else failures + 1
                await asyncio.sleep(self._pause(failures, reasons))

    def _pause(self, failures: int, reasons: Sequence[Reason]) -> float:
        pace = self._pace
        near = Reason.NOT_LEADING in reasons or self.age < pace.silence
        longest = pace.longest_waiting if near else pace.longest
        return min(longest, pace.first * 2.0 ** min(failures - 1, 20)) * (0.5 + self._chance() / 2)

    async def _round(self, session: ClientSession) -> list[Reason]:
        """Until somebody has been followed, or nobody has answered; and the reasons for all of that."""
        troubles: list[Unanswered] = []
        reasons = await self._ask_all(session, troubles)
        if troubles and not reasons:
            self._tell("; ".join(map(str, troubles)))
        reasons += [each.reason for each in troubles]
        for reason in reasons:
            self._house.reconnects(reason)
        return reasons

    async def _ask_all(self, session: ClientSession, troubles: list[Unanswered]) -> list[Reason]:
        """One reason when somebody has been followed."""
        try:
            papers = await asyncio.to_thread(papers_of, self._operator)
            addresses = await self._resolve(self._operator.host, self._operator.port)
        except Unanswered as trouble:
            troubles.append(trouble)
            return []
        for address in addresses:
            try:
                return [await self._converse(session, address, papers)]
            except Unanswered as trouble:
                troubles.append(Unanswered(trouble.reason, f"{address}: {trouble}"))
        return []

    async def _converse(self, session: ClientSession, address: str, papers: Papers) -> Reason:
        """Raises Unanswered."""
        socket = await dial(session, self._operator, address, papers)
        self.connected = True
        self._said = ""
        self.spoken_to()
        _LOG.info("following the operator at %s", address)
        try:
            reason = await Conversation(socket, self).run()
        finally:
            self.connected = False
        _LOG.warning("the operator at %s is not followed any more: %s", address, reason)
        return reason

    def _tell(self, words: str) -> None:
        """Once, and not each time that it is tried again."""
        if words != self._said:
            self._said = words
            _LOG.warning("no operator to follow, and it is tried again: %s", words)

    # The copy.

    async def _bridge(self, copy: Copy) -> None:
        """A key that was taken out may still be in it, so the operator has a moment to answer first."""
        await asyncio.sleep(self._pace.cold)
        while not self._met:
            routes = await self._copied(copy)
            # Whoever was met meanwhile knows better.
            if routes is not None and not self._met:
                _LOG.warning("serving by the copy of the routing document until an operator answers")
                self._serve(routes)
            await asyncio.sleep(self._pace.look)

    async def _copied(self, copy: Copy) -> Routes | None:
        try:
            found = await asyncio.to_thread(copy.look)
        except DamagedCopy as error:
            self._set_aside(Trouble.DAMAGED_COPY, error.message)
        except SchemaTooNew as error:
            self._set_aside(Trouble.TOO_NEW, error.message)
        except OSError as error:
            self._set_aside(Trouble.MISSING, f"the copy cannot be read: {error.strerror}")
        else:
            if found is not None and (self._known is None or found.version > self._known):
                return await asyncio.to_thread(self._house.compile, found)
        return None

    def _set_aside(self, trouble: Trouble, words: str) -> None:
        _LOG.error("the copy of the routing document is set aside: %s", words)
        self._house.refused(trouble)

    def _serve(self, routes: Routes) -> None:
        self._known = routes.document.version
        self._house.serve(routes)
