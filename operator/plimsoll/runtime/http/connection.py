"""A connection as uvicorn has it, with bounds on what may come before a request, and one way to drop it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plimsoll.runtime.http.errors import ApiError
from plimsoll.runtime.http.exchange import ABORT, HALF_CLOSED

# All header lines of a request, and its address.
_LONGEST_HEAD = 64 << 10
# A client that acknowledges nothing for so long is gone or will never read on.
DEAF_MILLISECONDS = 30_000


class Connection(HttpToolsProtocol):
    _head = 0
    # Wants to know when the client says nothing more, and has a last word for it.
    _half_closed: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Who connects and says nothing is not waited for any longer than one who has had an answer.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAF_MILLISECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self.scope["extensions"] = {ABORT: self.transport.abort, HALF_CLOSED: self._when_half_closed}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        self._measure(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure(name + value)
        super().on_header(name, value)

    def eof_received(self) -> bool:  # type: ignore[override]
        """True: the client may still listen, so the connection stays until the answer under way is complete."""
        if self._half_closed is None or self.pipeline:
            return False
        self.cycle.keep_alive = False
        self._half_closed()
        return True

    def send_400_response(self, msg: str) -> None:
        body = ApiError(400, f"{msg.rstrip('.')}: it is not HTTP, or has too long a head", code="invalid_http").body()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()

    def on_response_complete(self) -> None:
        # Not left to whoever has answered: when that task ends, the next request may have set its own.
        self._half_closed = None
        super().on_response_complete()

    def _when_half_closed(self, then: Callable[[], None]) -> None:
        self._half_closed = then

    def _measure(self, part: bytes) -> None:
        self._head += len(part)
        if self._head > _LONGEST_HEAD:
            # httptools ends the request with what its callbacks raise.
            raise ValueError(f"more than {_LONGEST_HEAD} bytes before the body")
