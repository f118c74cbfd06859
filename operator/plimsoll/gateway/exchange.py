"""One request and its answer, over the three arguments of ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from plimsoll.gateway.call import Header
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.intake import Intake
from plimsoll.gateway.protocol import CONNECTION, CYCLE
from plimsoll.gateway.reading import BOUNDS
from plimsoll.gateway.writing import CLOSE, passed_on, written

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = (b"content-type", b"application/json")
REQUEST_ID = b"x-request-id"


class Wire(Protocol):
    """What a request knows of its connection."""

    late: bool
    left: Callable[[], None] | None

    def listen(self) -> None: ...

    def abort(self) -> None: ...


class ClientGone(Exception):
    """There is nobody to answer."""


class Exchange:
    """Also the Responder of a call."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request: str) -> None:
        self.id = request
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.wire: Wire = scope["extensions"][CONNECTION]
        # Taken out: left there, it would lead to itself, and stay until somebody looks for circles.
        self._cycle = scope["extensions"].pop(CYCLE, None)
        self.status = 0
        self.finished = False
        # Of the error that was told in place of an answer.
        self.error: str | None = None
        # What every answer carries, whatever becomes of the request.
        self.headers: list[Header] = [(REQUEST_ID, request.encode())]
        self._raw_headers: Sequence[Header] = scope["headers"]
        self._receive = receive
        self._send = send

    @property
    def started(self) -> bool:
        return self.status != 0

    def header(self, name: bytes) -> bytes | None:
        for each, value in self._raw_headers:
            if each == name:
                return value
        return None

    # The request.

    async def body(self, intake: Intake, seconds: float) -> bytes:
        """Nothing of it is read before somebody may send it; `seconds` is what the connection gives it."""
        length = self.header(b"content-length")
        if length is not None and int(length) > BOUNDS.body:
            raise ApiError(Code.BODY_TOO_LARGE, most=BOUNDS.body)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if self.wire.late:
                self.headers.append(CLOSE)
                raise ApiError(Code.BODY_TIMEOUT, seconds=f"{seconds:g}")
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > BOUNDS.body:
                raise ApiError(Code.BODY_TOO_LARGE, most=BOUNDS.body)
            intake.grown(self.id, size)
            more = message.get("more_body", False)
        self.wire.listen()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # The answer.

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": [*self.headers, *headers]})

    async def send(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def pass_on(self, data: bytes) -> bool:
        return self._cycle is not None and passed_on(self._cycle, data)

    async def finish(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data})
        self.finished = True

    async def reply(self, status: int, body: bytes, headers: Sequence[Header] = (JSON,)) -> None:
        length = (b"content-length", b"%d" % len(body))
        if self._cycle is not None and written(self._cycle, status, [*self.headers, *headers, length], body):
            self.status, self.finished = status, True
            return
        await self.start(status, [*headers, length])
        await self.finish(body)

    async def refuse(self, error: ApiError, more: Sequence[Header] = ()) -> None:
        self.error = error.code
        await self.reply(error.status, error.body(self.id), [JSON, *error.headers(), *more])

    def abort(self) -> None:
        self.wire.abort()
