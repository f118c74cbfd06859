"""A connection as uvicorn has it, with a deadline for everything that its client has to do.

Deadlines are looked at by one sweep over all connections: a timer for each would cost more than many a request.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.settings import Bounds

# Where a request finds its connection, and what uvicorn has of its answer, among the extensions of its scope.
CONNECTION, CYCLE = "plimsoll.connection", "plimsoll.cycle"
# All header lines of a request, and its address; about as much may stand after its body.
LONGEST_HEAD = 64 << 10
# A chunk of one byte comes with five that say so.
_BYTES_AROUND_ONE = 6
# Requests that may come before those in front of them are answered; no client in use sends any.
_PIPELINED = 8
# The kernel would keep megabytes for a client that does not read, and counts them as ours.
_SEND_BUFFER = 128 << 10
_NEVER = math.inf
_LINES = {400: b"400 Bad Request", 431: b"431 Request Header Fields Too Large", 503: b"503 Service Unavailable"}


class Cut(StrEnum):
    """Why a connection ended before its client wanted it to."""

    HEAD = "head"
    BODY = "body"
    WRITE = "write"
    FULL = "full"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Doors:
    """What all connections of a port have in common."""

    bounds: Bounds
    cut: Callable[[Cut], None]


class Connection(HttpToolsProtocol):
    def __init__(self, doors: Doors, **given: Any) -> None:
        super().__init__(**given)
        self._doors = doors
        # Bytes that may still come without being a body.
        self._unread = LONGEST_HEAD
        self._read_by = self._write_by = _NEVER
        # Nothing of a request has come since the last answer.
        self._idle = False
        # The body of the request has not come in time.
        self.late = False
        # Called when the client goes away before it has its answer.
        self.left: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._read_by = self.loop.time() + self._doors.bounds.head
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            # A client that has lost its power says nothing, not even that it is gone. It comes after the deadline of
            # writing, which is told and counted.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._doors.bounds.write * 2000))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if len(self.connections) > self._doors.bounds.connections:
            self._doors.cut(Cut.FULL)
            self._say(ApiError(Code.TOO_MANY_CONNECTIONS, retry_after=1))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        left, self.left = self.left, None
        if left is not None:
            left()
        # They lead back to here: left as they are, all of it would stay until somebody looks for circles.
        self.cycle = self.scope = None  # type: ignore[assignment]
        self.pipeline.clear()

    def look(self, now: float) -> None:
        """Ends what is overdue; to be called for every connection, again and again."""
        if self._write_by == _NEVER and self.transport.is_closing():
            self._write_by = now + self._doors.bounds.write
        if now >= self._write_by:
            self._doors.cut(Cut.WRITE)
            self.transport.abort()
        elif now >= self._read_by:
            self._read_late(now)

    def listen(self) -> None:
        """After a whole body: the one that did not fit into a buffer has stopped the reading, also of the end."""
        if not self.pipeline:
            self.flow.resume_reading()

    def abort(self) -> None:
        """Drops what the client has not read yet, so that it cannot take half an answer for a whole one."""
        self.transport.abort()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._idle:
            # From the first byte on, whatever it is, and never put off by further ones.
            self._idle = False
            self._read_by = self.loop.time() + self._doors.bounds.head
        super().data_received(data)
        # The parser keeps a header to itself until it has all of it, however long that is.
        self._unread = min(self._unread - len(data), LONGEST_HEAD)
        if self._unread < 0 and not self.transport.is_closing():
            self.send_400_response("")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_by = self.loop.time() + self._doors.bounds.write

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_by = _NEVER

    # What the parser calls; what is raised here ends the request with send_400_response.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # What a body in front of it has added pays for that body, which came in the same piece.
        self._unread = max(self._unread, LONGEST_HEAD)
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("too many requests at once")
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        self._unread += _BYTES_AROUND_ONE * len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self.late = False
        self._read_by = self.loop.time() + self._doors.bounds.body
        super().on_headers_complete()
        self.scope["extensions"][CYCLE] = self.cycle  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._read_by = _NEVER
        if not self._answering:
            self._rest()

    def on_response_complete(self) -> None:
        """As uvicorn does it, but for a timer for each answer that ends a silent connection: `look` does."""
        self.server_state.total_requests += 1
        # Not left to whoever has answered: when that task ends, the next request may have set its own.
        self.left = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._read_by == _NEVER:
            self._rest()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn has one for all
        self._doors.cut(Cut.MALFORMED)
        if self._answering and self.cycle.response_started:
            # Nothing that is written now would be read as an answer of its own.
            self.transport.abort()
        elif self._unread < 0:
            self._say(ApiError(Code.HEADERS_TOO_LARGE, most=LONGEST_HEAD))
        else:
            self._say(ApiError(Code.INVALID_HTTP))

    @property
    def _answering(self) -> bool:
        # Before the first request there is none, whatever its type says.
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _rest(self) -> None:
        self._idle = True
        self._read_by = self.loop.time() + self._doors.bounds.idle

    def _read_late(self, now: float) -> None:
        if self.pipeline:
            # It waits for the answer to the one before it, and is not even read.
            self._read_by = now + self._doors.bounds.body
            return
        self._read_by = _NEVER
        if self._idle:
            self.transport.close()
            return
        self._doors.cut(Cut.BODY if self._answering else Cut.HEAD)
        if self._answering:
            self.late = True
            self.cycle.message_event.set()
        else:
            self.transport.close()

    def _say(self, error: ApiError) -> None:
        """Without the application, and the last thing that is said."""
        body = error.body("")
        lines = [b"HTTP/1.1 " + _LINES[error.status], b"content-type: application/json", b"connection: close"]
        lines += [b"%b: %b" % header for header in error.headers()]
        self.transport.write(b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body]))
        self.transport.close()
