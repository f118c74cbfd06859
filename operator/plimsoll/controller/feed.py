"""Where gateways get the routing document: a server for them, and for nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.lease import LeaseLost
from plimsoll.controller.certificates import Certificates
from plimsoll.controller.line import Encoded, Line, Pace
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.controller.token_reviews import TokenReviews, Verdict
from plimsoll.errors import UserError
from plimsoll.routing.conversation import PATH, ModelLoad
from plimsoll.routing.document import Version

_log = logging.getLogger(__name__)

# Of the API server, for a token. Longer than that no gateway waits for an upgrade.
_REVIEW_SECONDS = 5.0
_GOOD, _LATER = 200, 503


class CannotListen(UserError):
    def __init__(self, door: Door, error: OSError) -> None:
        super().__init__(
            f"gateways cannot be served on {door.host}:{door.port}: {error.strerror or error}",
            fix="give --feed-port another port, or 0 where there are no gateways",
        )


@dataclass(frozen=True)
class Door:
    host: str
    port: int
    pace: Pace = field(default_factory=Pace)


def uncounted(status: int) -> None:
    """Nobody counts those who are turned away."""


class Feed:
    """`may_serve` raises LeaseLost when this process leads no more; `refused` counts those that were turned away."""

    def __init__(
        self,
        table: RoutingTable,
        certificates: Certificates,
        reviews: TokenReviews,
        may_serve: Callable[[], object],
        door: Door,
    ) -> None:
        self.refused: Callable[[int], None] = uncounted
        # Set when the first certificate is there and gateways can come.
        self.listening = asyncio.Event()
        self.port = 0
        self._table = table
        self._certificates = certificates
        self._reviews = reviews
        self._may_serve = may_serve
        self._door = door
        self._pace = door.pace
        self._encoded = Encoded()
        self._lines: set[Line] = set()
        self._moved = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def gateways(self) -> int:
        return len(self._lines)

    @property
    def loads(self) -> Iterator[ModelLoad]:
        """What every gateway said last, of each of its models."""
        return (load for line in self._lines for load in line.load.models.values())

    async def served(self, version: Version) -> None:
        """Returns when no gateway that has a line serves by an older document any more."""
        while any(line.is_behind(version) for line in self._lines):
            await self._moved.wait()

    async def run(self) -> None:
        """Until it is cancelled: then gateways are told before anything is closed, and nobody new gets in."""
        await self._certificates.ready.wait()
        application = web.Application()
        application.router.add_get(PATH, self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._pace.goodbye)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.Event().wait()
        finally:
            await self.say_goodbye()
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        door = self._door
        site = web.TCPSite(runner, door.host, door.port, ssl_context=self._certificates.context)
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(door, error) from None
        self.port = runner.addresses[0][1]
        self.listening.set()
        _log.info("gateways are served on port %s", self.port)

    async def say_goodbye(self) -> None:
        """To all that have a line; nobody new gets one. Returns when they have gone, or have had their time for it."""
        self._leaving.set()
        with suppress(TimeoutError):
            # They close by themselves, and each of them has a time for it.
            async with asyncio.timeout(2 * self._pace.goodbye):
                for line in list(self._lines):
                    await line.ended.wait()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        # Asked again, as much may happen while the API server judges.
        verdict = self._not_now() or await self._judged(request)
        if verdict.status == _GOOD:
            verdict = self._not_now() or verdict
        line = Line(verdict.words, self._table, self._encoded, self._pace, self._look_again)
        if verdict.status == _GOOD and not line.socket.can_prepare(request):
            verdict = Verdict(426, "this is a WebSocket")
        if verdict.status != _GOOD:
            return self._refuse(request, verdict)
        self._lines.add(line)
        try:
            await line.run(request, self._leaving)
        finally:
            self._lines.discard(line)
            line.ended.set()
            self._look_again()
        return line.socket

    def _look_again(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _not_now(self) -> Verdict | None:
        try:
            self._may_serve()
        except LeaseLost:
            return Verdict(503, "this operator does not lead any more")
        if self._leaving.is_set():
            return Verdict(503, "this operator is stopping")
        if self._table.current is None:
            return Verdict(503, "there is no routing document yet")
        return None

    async def _judged(self, request: web.Request) -> Verdict:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Verdict(401, "a token of a gateway opens this")
        try:
            async with asyncio.timeout(_REVIEW_SECONDS):
                return await self._reviews.judge(token.strip())
        except ClusterError as error:
            _log.error("no gateway can be let in now: %s; %s", error.message, error.fix)
        except TimeoutError:
            _log.error("no gateway can be let in now: the API server does not answer")
        return Verdict(503, "the API server does not say whether this token is good")

    def _refuse(self, request: web.Request, verdict: Verdict) -> web.Response:
        self.refused(verdict.status)
        level = logging.INFO if verdict.status == _LATER else logging.WARNING
        _log.log(level, "%s is turned away: %s", request.remote, verdict.words)
        answer = web.Response(status=verdict.status, text=f"{verdict.words}\n")
        # It tries the next operator; here a connection would only be in the way of an end.
        answer.force_close()
        return answer
