"""The operator as a gateway meets it, over real TLS on loopback; what it says is the business of the test."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

from plimsoll.gateway.settings import Operator
from plimsoll.routing.changes import Update, difference, update_between
from plimsoll.routing.conversation import PATH, Again, Load, hear
from plimsoll.routing.document import SCHEMA, Document, Version
from plimsoll.routing.encoding import encode
from tests.support.certificates import self_signed, server_side

HOST = "localhost"
# Beyond anything that a slow machine needs.
_SECONDS = 30.0
Result = TypeVar("Result")


class Papers:
    """A CA and a token in files, as Kubernetes would mount them."""

    def __init__(self, folder: Path, token: str = "a token") -> None:
        self.certificate = self_signed(folder / "operator.pem", HOST)
        self.token = folder / "token"
        self.show(token)

    def show(self, token: str) -> None:
        self.token.write_text(token.replace(" ", "-") + "\n")

    def operator(self, port: int, copy: Path | None = None) -> Operator:
        return Operator(host=HOST, port=port, ca=self.certificate, token=self.token, copy=copy)


class PlayedOperator:
    """Within one event loop. It says `document` to whoever comes, and then what it is told to say."""

    def __init__(self, certificate: Path, document: Document | None = None) -> None:
        self._certificate = certificate
        self.document = document
        # What it begins with instead of the document.
        self.greeting: list[bytes] | None = None
        # The status with which it refuses whoever comes.
        self.refuses: int | None = None
        # It answers to Again with the document.
        self.repeats = True
        self.pings: float | None = None
        self.port = 0
        self.tokens: list[str] = []
        self.lines: list[web.WebSocketResponse] = []
        self.agains = 0
        self.loads: list[Load] = []
        # Of the lines that have ended, in their order.
        self.codes: list[int | None] = []
        self._runner: web.AppRunner | None = None
        self._sockets: list[socket.socket] = []

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> PlayedOperator:
        application = web.Application()
        application.router.add_get(PATH, self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        self.port = port or self.port or free_port()
        site = web.TCPSite(self._runner, address, self.port, ssl_context=server_side(self._certificate))
        await site.start()
        return self

    async def stop(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """With a goodbye."""
        for each in self.lines:
            if not each.closed:
                await each.close(code=code)
        assert self._runner is not None
        await self._runner.cleanup()
        # The goodbye of TLS takes its time.
        await until(lambda: all(each.fileno() == -1 for each in self._sockets), "every connection is closed")

    async def say(self, *messages: bytes) -> None:
        """To whoever is there."""
        for line in self.open:
            for each in messages:
                await line.send_frame(each, WSMsgType.TEXT)

    async def publish(self, document: Document) -> None:
        """A new version, as one update for it."""
        assert self.document is not None
        update = update_between(self.document, document)
        assert update is not None
        self.document = document
        await self.say(encode(update))

    @property
    def open(self) -> list[web.WebSocketResponse]:
        return [each for each in self.lines if not each.closed]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self._sockets.append(request.transport.get_extra_info("socket"))
        self.tokens.append(request.headers.get("authorization", ""))
        if self.refuses is not None:
            return web.Response(status=self.refuses)
        line = web.WebSocketResponse(heartbeat=self.pings)
        await line.prepare(request)
        self.lines.append(line)
        for each in [encode(self.document)] if self.greeting is None and self.document else self.greeting or ():
            await line.send_frame(each, WSMsgType.TEXT)
        async for message in line:
            await self._hear(line, message.data)
        self.codes.append(line.close_code)
        return line

    async def _hear(self, line: web.WebSocketResponse, data: str) -> None:
        word = hear(data)
        if isinstance(word, Load):
            self.loads.append(word)
        elif isinstance(word, Again):
            self.agains += 1
            if self.repeats and self.document:
                await line.send_frame(encode(self.document), WSMsgType.TEXT)


def update(old: Document, new: Document, version: Version | None = None, schema: int = SCHEMA) -> bytes:
    """The step between the two, under any version and schema."""
    return encode(Update(schema=schema, version=version or new.version, changes=tuple(difference(old, new))))


async def until(condition: Callable[[], object], words: str) -> None:
    """Gives the loop to others until it is true."""
    deadline = asyncio.get_running_loop().time() + _SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {_SECONDS:g} s: {words}"
        await asyncio.sleep(0.005)


class OperatorThread:
    """The same one for tests that wait in another way: each call of it is made in a thread of its own."""

    def __init__(self, played: PlayedOperator, loop: asyncio.AbstractEventLoop) -> None:
        self.played = played
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)


@contextmanager
def operator_thread(certificate: Path, document: Document | None = None) -> Iterator[OperatorThread]:
    """Not started yet; `do(played.start())` does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="played-operator", daemon=True)
    thread.start()
    made = OperatorThread(PlayedOperator(certificate, document), loop)
    try:
        yield made
    finally:
        if made.played.port:
            made.do(made.played.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def free_port() -> int:
    """None of those that connections come from: whoever calls again and again would meet himself on one."""
    while True:
        port = random.randrange(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
