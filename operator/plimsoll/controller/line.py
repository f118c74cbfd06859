"""The line to one gateway: what it has missed goes down, its load comes up, and who is gone is noticed."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from plimsoll.controller.routing_table import RoutingTable
from plimsoll.routing.changes import Update
from plimsoll.routing.conversation import HEARTBEAT, LARGEST_FROM_GATEWAY, SILENCE, Load, UnreadableWord, hear
from plimsoll.routing.document import Document, Version
from plimsoll.routing.encoding import Message, encode

_log = logging.getLogger(__name__)

_KEPT_UPDATES = 64


@dataclass(frozen=True)
class Pace:
    """In seconds."""

    heartbeat: float = HEARTBEAT
    # Who answers no ping or takes nothing for so long is gone.
    silence: float = SILENCE
    goodbye: float = 2.0


class Encoded:
    """What all lines send is encoded once: many gateways come back at the same moment."""

    def __init__(self) -> None:
        self._document: tuple[Document, bytes] | None = None
        self._updates: OrderedDict[Version, bytes] = OrderedDict()

    def of(self, message: Message) -> bytes:
        return self._of_update(message) if isinstance(message, Update) else self._of_document(message)

    def _of_document(self, document: Document) -> bytes:
        if self._document is None or self._document[0] is not document:
            self._document = (document, encode(document))
        return self._document[1]

    def _of_update(self, update: Update) -> bytes:
        if update.version not in self._updates:
            self._updates[update.version] = encode(update)
            while len(self._updates) > _KEPT_UPDATES:
                self._updates.popitem(last=False)
        return self._updates[update.version]


class Line:
    """Open until one of its ends is gone or the operator is leaving; then `run` returns."""

    def __init__(
        self, gateway: str, table: RoutingTable, encoded: Encoded, pace: Pace, heard: Callable[[], None]
    ) -> None:
        """`heard` is called after each word of the gateway about itself."""
        self.gateway = gateway
        self.load = Load(models={})
        self.ended = asyncio.Event()
        # Nothing is compressed: that would take this one process longer than it takes the network.
        self.socket = web.WebSocketResponse(
            timeout=pace.goodbye, autoping=False, compress=False, max_msg_size=LARGEST_FROM_GATEWAY
        )
        self._table = table
        self._encoded = encoded
        self._pace = pace
        self._sent: Version | None = None
        self._heard = heard
        self._asked_again = asyncio.Event()
        self._answered = 0.0

    def is_behind(self, version: Version) -> bool:
        """A gateway that serves by no document takes no calls yet."""
        return self.load.serves is not None and self.load.serves < version

    async def run(self, request: web.Request, leaving: asyncio.Event) -> None:
        await self.socket.prepare(request)
        _log.info("the gateway %s has a line", self.gateway)
        works: list[Coroutine[Any, Any, Any]] = [self._tell(), self._ping(), self._listen(), leaving.wait()]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        troubles = [end for end in ends if isinstance(end, Exception)]
        if any(isinstance(trouble, TimeoutError) for trouble in troubles):
            _log.warning("the gateway %s answers no ping or takes nothing any more: its line is cut", self.gateway)
            if request.transport is not None:
                request.transport.abort()
            return
        await self._close(self._reason(troubles, leaving))

    async def _tell(self) -> None:
        while True:
            await self._news()
            for message in self._missed():
                # At most one is on its way; what comes meanwhile waits in the table, once for all lines.
                await self._send(self._encoded.of(message), WSMsgType.TEXT)
                self._sent = message.version

    async def _news(self) -> None:
        waits = [
            asyncio.create_task(self._table.beyond(self._sent)),
            asyncio.create_task(self._asked_again.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _missed(self) -> Sequence[Message]:
        current = self._table.current
        if current is None:
            return ()
        again = self._asked_again.is_set()
        self._asked_again.clear()
        steps = None if again or self._sent is None else self._table.since(self._sent)
        return [current] if steps is None else steps

    async def _ping(self) -> None:
        """Who speaks and does not answer reads nothing, and all that is meant for it would pile up here."""
        loop = asyncio.get_running_loop()
        self._answered = loop.time()
        while True:
            await asyncio.sleep(self._pace.heartbeat)
            if loop.time() - self._answered > self._pace.silence:
                raise TimeoutError
            await self._send(b"", WSMsgType.PING)

    async def _listen(self) -> None:
        while True:
            said = await self.socket.receive()
            if said.type is WSMsgType.TEXT:
                self._hear(said.data)
            elif said.type is WSMsgType.PING:
                await self._send(said.data, WSMsgType.PONG)
            elif said.type is WSMsgType.BINARY:
                raise UnreadableWord("bytes that are no text")
            elif said.type is WSMsgType.PONG:
                self._answered = asyncio.get_running_loop().time()
            else:
                return

    def _hear(self, text: str) -> None:
        word = hear(text)
        if isinstance(word, Load):
            self.load = word
            self._heard()
        else:
            _log.warning("the gateway %s has missed something and gets the whole document again", self.gateway)
            self._asked_again.set()

    async def _send(self, frame: bytes, kind: WSMsgType) -> None:
        async with asyncio.timeout(self._pace.silence):
            await self.socket.send_frame(frame, kind)

    def _reason(self, troubles: Sequence[Exception], leaving: asyncio.Event) -> WSCloseCode:
        for trouble in troubles:
            if isinstance(trouble, UnreadableWord):
                _log.warning("the gateway %s: %s; %s", self.gateway, trouble.message, trouble.fix)
                return WSCloseCode.POLICY_VIOLATION
            if not isinstance(trouble, ConnectionError):
                _log.error("the line of the gateway %s failed: %r", self.gateway, trouble, exc_info=trouble)
                return WSCloseCode.INTERNAL_ERROR
        _log.info("the line of the gateway %s ends", self.gateway)
        return WSCloseCode.GOING_AWAY if leaving.is_set() else WSCloseCode.OK

    async def _close(self, code: WSCloseCode) -> None:
        """Best effort: who has gone already hears nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.goodbye):
                await self.socket.close(code=code)
