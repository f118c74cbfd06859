"""A bare pass-through on the same server and the same client: what everything that the gateway does is measured by.

It reads what a request asks for and what its answer used, as every gateway has to, and does nothing with either.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
import uvicorn
import uvloop
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, TCPConnector

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
UPSTREAM = "BENCH_UPSTREAM"
_KEPT_SECONDS = 4.0


class PassThrough:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: ClientSession | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await reply(send, 200, b"{}")
            return
        body = await body_of(receive)
        stream = orjson.loads(body).get("stream", False)
        headers = {"content-type": "application/json"}
        async with self._client().post(self._upstream + scope["path"], data=body, headers=headers) as answer:
            if stream:
                await _stream(send, answer)
            else:
                whole = await answer.read()
                orjson.loads(whole).get("usage")
                await reply(send, answer.status, whole)

    def _client(self) -> ClientSession:
        """Within the loop that it belongs to."""
        if self._session is None:
            connector = TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS)
            self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False)
        return self._session


async def body_of(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, answer: ClientResponse) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for data in answer.content.iter_any():
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def from_environment() -> Application:
    """For servers that make the application themselves."""
    return PassThrough(os.environ[UPSTREAM])


def serve(made: Callable[[str], Application]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    given = parser.parse_args()
    config = uvicorn.Config(
        made(given.upstream),
        host="127.0.0.1",
        port=given.port,
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    serve(PassThrough)
