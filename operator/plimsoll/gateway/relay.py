"""A stream between its first event and its last: what comes goes on in the same step, and no task is woken for it.

The task of the call waits until there is more to do than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import SocketTimeoutError, StreamReader
from aiohttp.client_proto import ResponseHandler

# Whether all of it went on, so that more may come.
Take = Callable[[bytes], bool]


class Relay(asyncio.Protocol):
    """In the place of the protocol of a connection, which still takes the answer apart."""

    def __init__(self, content: StreamReader, protocol: ResponseHandler, idle: float, take: Take) -> None:
        """`idle` is how many seconds of silence are too long."""
        self._content = content
        self._protocol = protocol
        self._idle = idle
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(idle, self._look)

    async def run(self, transport: asyncio.Transport) -> None:
        """Returns when `take` has said no, or nothing comes any more; what is left is in the content, or an error."""
        protocol = self._protocol
        # A timer that is set anew for each event costs more than to look at the clock.
        within, protocol.read_timeout = protocol.read_timeout, None
        protocol.start_timeout()
        transport.set_protocol(self)
        try:
            self._pass()
            await self._over
        finally:
            self._timer.cancel()
            transport.set_protocol(protocol)
            # After its end the connection belongs to nobody, or to the next call.
            if not self._content.is_eof() and not transport.is_closing():
                protocol.read_timeout = within
                protocol.start_timeout()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)
        self._last = self._loop.time()
        self._pass()

    def eof_received(self) -> None:
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._pass()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def _pass(self) -> None:
        if self._over.done():
            return
        try:
            if not self._passed():
                self._over.set_result(None)
        except Exception as error:  # noqa: BLE001 - it belongs to the call, which knows what becomes of it
            self._over.set_exception(error)

    def _passed(self) -> bool:
        content = self._content
        if content.exception() is not None:
            return False
        fed = -1
        # Where reading was held back, to read lets more of what has come be taken apart.
        while fed != content.total_bytes:
            fed = content.total_bytes
            data = content.read_nowait()
            if data and not self._take(data):
                return False
        return not content.is_eof()

    def _look(self) -> None:
        left = self._last + self._idle - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif not self._over.done():
            self._content.set_exception(SocketTimeoutError(f"nothing came for {self._idle:g} s"))
            self._over.set_result(None)
