"""One conversation with the operator: the document, its changes, and what this gateway serves by and has to do."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from aiohttp import WSCloseCode, WSMsgType

from plimsoll.gateway.dialling import Reason, Socket
from plimsoll.gateway.routing_file import Trouble
from plimsoll.gateway.state import Routes
from plimsoll.gateway.understanding import Understanding
from plimsoll.routing.conversation import LOAD_EVERY, Again, FromGateway, Load, say
from plimsoll.routing.document import Document
from plimsoll.routing.encoding import UnreadableRouting

_LOG = logging.getLogger(__name__)
# Messages that wait to be understood; beyond it nothing more is read.
_MOST_WAITING = 1000
_END = {WSMsgType.CLOSE: Reason.CLOSED, WSMsgType.CLOSING: Reason.LOST, WSMsgType.CLOSED: Reason.LOST}
_WORDS = (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG)
# Of a goodbye, when not even that can be sent.
_CLOSE_SECONDS = 3.0


class Follower(Protocol):
    """Whose conversation it is."""

    silence: float

    def spoken_to(self) -> None:
        """The operator has given a sign of life."""

    def older(self, document: Document) -> bool:
        """Than what is served by."""

    def compile(self, document: Document) -> Routes:
        """Called in another thread: a large one takes a while."""

    def serve(self, routes: Routes) -> None:
        """By what this operator has said."""

    def refused(self, trouble: Trouble) -> None:
        """The operator has said what is not used."""

    def load(self) -> Load:
        """What this gateway has to do now."""


class Conversation:
    """Made, used and closed within one event loop."""

    def __init__(self, socket: Socket, follower: Follower) -> None:
        self._socket = socket
        self._follower = follower
        self._waiting: asyncio.Queue[bytes | Reason] = asyncio.Queue(_MOST_WAITING)
        self._understood = Understanding()
        # What was told already.
        self._too_new = 0
        self._older = False

    async def run(self) -> Reason:
        """Until it ends, and why it did."""
        others = [asyncio.create_task(each) for each in (self._listen(), self._report())]
        try:
            return await self._understand()
        finally:
            await self._say_goodbye()
            for each in others:
                each.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _say_goodbye(self) -> None:
        """Before anybody stops to listen: a receive that is cancelled ends the line without a word."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def _listen(self) -> None:
        """The end comes after all that was said before it: what a key may do must not be lost with a line."""
        reason = None
        while reason is None:
            try:
                message = await self._socket.receive(self._follower.silence)
            except TimeoutError:
                reason = Reason.SILENT
            else:
                reason = _END.get(message.type) or await self._take(message.type, message.data)
        await self._waiting.put(reason)

    async def _take(self, kind: WSMsgType, data: bytes) -> Reason | None:
        self._follower.spoken_to()
        if kind is WSMsgType.TEXT:
            await self._waiting.put(data)
        elif kind is WSMsgType.PING:
            with suppress(ConnectionError):
                await self._socket.pong(data)
        return None if kind in _WORDS else Reason.DAMAGED

    async def _understand(self) -> Reason:
        """Whatever has come meanwhile is taken in one step, so that no flood of changes is ever far behind."""
        end = None
        while end is None:
            messages, end = await self._next()
            try:
                routes = await asyncio.to_thread(self._routes, messages)
            except UnreadableRouting as error:
                _LOG.error("the operator is left and called again, because %s", error.message)
                self._follower.refused(Trouble.DAMAGED)
                return Reason.DAMAGED
            await self._act(routes)
        return end

    async def _next(self) -> tuple[list[bytes], Reason | None]:
        """All that waits, and the end when it has come."""
        messages: list[bytes] = []
        said = await self._waiting.get()
        while not isinstance(said, Reason):
            messages.append(said)
            if self._waiting.empty():
                return messages, None
            said = self._waiting.get_nowait()
        return messages, said

    async def _act(self, routes: Routes | None) -> None:
        understood, follower = self._understood, self._follower
        for _ in range(understood.too_new - self._too_new):
            follower.refused(Trouble.TOO_NEW)
        self._too_new = understood.too_new
        if routes is not None:
            follower.serve(routes)
            # At once: whoever is told of the change may wait for it.
            await self._say(follower.load())
        elif understood.document is not None and not self._older and follower.older(understood.document):
            self._older = True
            _LOG.warning(
                "the operator is older than what is served by, and not followed: %s", understood.document.version
            )
            follower.refused(Trouble.OLDER)
        if understood.ask_again:
            understood.ask_again = False
            await self._say(Again())

    def _routes(self, messages: list[bytes]) -> Routes | None:
        """In another thread."""
        before = self._understood.document
        self._understood.hear(messages)
        document = self._understood.document
        if document is None or document is before or self._follower.older(document):
            return None
        return self._follower.compile(document)

    async def _report(self) -> None:
        while True:
            await self._say(self._follower.load())
            await asyncio.sleep(LOAD_EVERY)

    async def _say(self, word: FromGateway) -> None:
        # Whoever listens finds out why it is closed.
        with suppress(ConnectionError):
            await self._socket.send_frame(say(word), WSMsgType.TEXT)
