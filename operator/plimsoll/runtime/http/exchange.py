"""One request and its answer, over the three arguments of ASGI."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from plimsoll.runtime.http.answers import Answers
from plimsoll.runtime.http.errors import CLOSE, ApiError
from plimsoll.runtime.http.intake import Intake

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
# Where the connection offers to be dropped at once, with what is still to be sent.
ABORT = "plimsoll.abort"
# Where it takes who wants to be called when the client says nothing more, and may still listen.
HALF_CLOSED = "plimsoll.half_closed"
# Who sends it is told what a whole answer has used that he has cut by closing his half of the connection.
LAST_WORD = b"x-plimsoll-last-word"
_LONGEST_BODY = 4 << 20
# Whoever sends holds a connection, and what has come so far.
BODY_SECONDS = 30.0
_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, made_id: str) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.id = _id_of(scope["headers"]) or made_id
        self.status = 0
        self.extra_headers: list[Header] = []
        self._upgrade = any(name == b"upgrade" for name, _ in scope["headers"])
        self.last_word = any(name == LAST_WORD for name, _ in scope["headers"])
        self.answers: Answers | None = None
        self._extensions = scope.get("extensions") or {}
        self._receive = receive
        self._send = send
        self._heard = False
        self._ended = False

    @property
    def started(self) -> bool:
        return self.status != 0

    async def body(self, intake: Intake) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                with intake.growing() as grown:
                    return await self._body(grown)
        except TimeoutError:
            raise ApiError(
                408, f"the body did not come within {BODY_SECONDS:g} s", code="body_too_slow", headers=[CLOSE]
            ) from None

    async def _body(self, grown: Callable[[int], None]) -> bytes:
        parts: list[bytes] = []
        length, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            length += len(parts[-1])
            more = message.get("more_body", False)
            if length > _LONGEST_BODY:
                raise ApiError(
                    413, f"the body has more than {_LONGEST_BODY} bytes", code="body_too_large", headers=[CLOSE]
                )
            grown(length)
        if length == 0 and self._upgrade:
            # The parser takes whatever follows such a head for another protocol.
            raise ApiError(
                400,
                "the connection cannot be upgraded, and the body was lost: set the client to plain HTTP/1.1",
                code="no_upgrade",
                headers=[CLOSE],
            )
        self._heard = True
        return b"".join(parts)

    async def gone(self) -> None:
        """Returns when the client is. The body has to be read before."""
        assert self._heard
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def reply(self, status: int, body: bytes, kind: bytes = JSON, headers: Sequence[Header] = ()) -> None:
        await self._start(status, [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *headers])
        await self._send({"type": "http.response.body", "body": body})
        self._ended = True

    async def stream(self) -> None:
        # A proxy that collects a stream before it passes it on makes it worthless.
        headers = [(b"content-type", EVENTS), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        await self._start(200, headers)

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Waits while the client does not read."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        self._ended = last

    async def refuse(self, error: ApiError) -> None:
        await self.reply(error.status, error.body(), headers=error.headers)

    def abort(self) -> None:
        """Drops the connection unless everything has been said; what the client has not read yet is lost."""
        drop = self._extensions.get(ABORT)
        if drop is not None and not self._ended:
            drop()

    def when_half_closed(self, then: Callable[[], None]) -> None:
        """Until this is answered. Without it such a client is gone."""
        tell = self._extensions.get(HALF_CLOSED)
        if tell is not None:
            tell(then)

    async def _start(self, status: int, headers: Sequence[Header]) -> None:
        self.status = status
        told = [*headers, (b"x-request-id", self.id.encode()), *self.extra_headers]
        await self._send({"type": "http.response.start", "status": status, "headers": told})


class ClientGone(Exception):
    """There is nobody to answer."""


def _id_of(headers: Sequence[Header]) -> str | None:
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return value.decode("ascii")
    return None


async def until_gone(exchange: Exchange, then: Callable[[], None]) -> None:
    await exchange.gone()
    then()


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
