"""A server whose connections have a transport that only listens and a clock that leaps; its clients are the test."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from plimsoll.gateway.protocol import Connection, Cut, Doors
from plimsoll.gateway.settings import Bounds
from tests.support import virtual_time

Application = Callable[[Any, Any, Any], Awaitable[None]]

BOUNDS = Bounds(head=10, body=30, write=20, idle=75, connections=2)


class Listening(asyncio.Transport):
    def __init__(self, raw: socket.socket) -> None:
        super().__init__({"socket": raw, "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.writes = 0
        self._closed = False
        self._aborted = False
        # What was written is not read, so a close does not come to its end.
        self.stuck = False
        # Nothing more is read.
        self.held = False
        self.ended: Callable[[], object] = lambda: None

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)
        self.writes += 1

    def close(self) -> None:
        if not self._closed and not self.stuck:
            asyncio.get_running_loop().call_soon(self.ended)
        self._closed = True

    def abort(self) -> None:
        asyncio.get_running_loop().call_soon(self.ended)
        self._closed = self._aborted = True

    def is_closing(self) -> bool:
        return self._closed

    def was_aborted(self) -> bool:
        return self._aborted

    def pause_reading(self) -> None:
        self.held = True

    def resume_reading(self) -> None:
        self.held = False


class House:
    """Its application waits for `go_on` and answers nothing, where it is not given another one."""

    def __init__(self, raw: socket.socket, application: Application | None = None) -> None:
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._state = ServerState()
        self.cuts: Counter[Cut] = Counter()
        self.scopes: list[Any] = []
        self.bodies: list[Any] = []
        self.go_on = asyncio.Event()
        self._doors = Doors(BOUNDS, lambda cut: self.cuts.update([cut]))
        self._config = uvicorn.Config(
            application or self._application, interface="asgi3", lifespan="off", log_config=None
        )
        self._config.load()

    def connect(self) -> tuple[Connection, Listening]:
        transport = Listening(self._raw)
        made = Connection(self._doors, config=self._config, server_state=self._state, app_state={}, _loop=self._loop)
        transport.ended = partial(made.connection_lost, None)
        made.connection_made(transport)
        return made, transport

    async def close(self) -> None:
        self.go_on.set()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        await asyncio.gather(*self._state.tasks)

    async def pass_by(self, seconds: float) -> None:
        """With the sweeps that the server makes."""
        end = self._loop.time() + seconds
        while self._loop.time() < end:
            await asyncio.sleep(min(0.5, end - self._loop.time()))
            for connection in list(self._state.connections):
                connection.look(self._loop.time())  # type: ignore[union-attr]

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["method"] == "POST":
            self.bodies.append(await receive())
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def in_house(story: Callable[[House], Awaitable[None]], application: Application | None = None) -> None:
    async def main() -> None:
        with socket.socket() as raw:
            house = House(raw, application)
            await story(house)
            await house.close()

    virtual_time.run(main())
