"""What goes out is what was said, however long it is, and a backend may answer before it has read all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from plimsoll.gateway.outgoing import Outgoing
from plimsoll.gateway.upstream import new_session

HEADERS = {"content-type": "application/json", "accept": "*/*", "accept-encoding": "identity", "user-agent": "plimsoll"}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def served(serve: Serve, ask: Callable[[ClientSession, str], Awaitable[Any]]) -> Any:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        await writer.drain()
        writer.close()

    async def story() -> Any:
        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server, new_session() as session:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.wait_for(ask(session, f"http://127.0.0.1:{port}/v1/x"), 20)

    return asyncio.run(story())


@pytest.mark.parametrize("size", [1, 64 << 10, (64 << 10) + 1, 1 << 20, (1 << 20) + 1])
def test_a_body_arrives_whole_with_its_own_headers_and_no_others(size: int) -> None:
    came: dict[str, bytes] = {}
    body = (b"0123456789abcde\n" * (size // 16 + 1))[:size]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came["head"] = await reader.readuntil(b"\r\n\r\n")
        came["body"] = await reader.readexactly(size)
        writer.write(OK)

    async def ask(session: ClientSession, url: str) -> bytes:
        async with session.post(url, data=Outgoing(HEADERS, body)) as response:
            return await response.read()

    assert served(serve, ask) == b"ok"
    assert came["body"] == body
    first, *lines = came["head"].decode().strip().split("\r\n")
    host, *others = lines
    assert (first, host.partition(":")[0].lower()) == ("POST /v1/x HTTP/1.1", "host")
    told = {name.lower(): value for name, _, value in (line.partition(": ") for line in others)}
    assert told == {**HEADERS, "content-length": str(size)}


@pytest.mark.parametrize("size", [100, 8 << 20])
def test_who_answers_before_he_has_read_is_heard(size: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK.replace(b"200 OK", b"413 Too Large"))
        await writer.drain()
        await heard.wait()

    heard = asyncio.Event()

    async def ask(session: ClientSession, url: str) -> int:
        async with session.post(url, data=Outgoing(HEADERS, b"x" * size)) as response:
            heard.set()
            return response.status

    assert served(serve, ask) == 413


def test_a_short_body_needs_no_task() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nshort")
        writer.write(OK)

    async def ask(session: ClientSession, url: str) -> int:
        loop = asyncio.get_running_loop()
        made: list[str] = []

        def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
            made.append(coroutine.__qualname__)
            return asyncio.Task(coroutine, loop=loop, **more)

        loop.set_task_factory(make)
        async with session.post(url, data=Outgoing(HEADERS, b"short")):
            loop.set_task_factory(None)
        return len([each for each in made if "write" in each])

    assert served(serve, ask) == 0


def test_a_header_that_would_end_the_head_is_never_sent() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def ask(session: ClientSession, url: str) -> None:
        with pytest.raises(ValueError, match="header"):
            await session.post(url, data=Outgoing({**HEADERS, "authorization": "Bearer a\r\nx: y"}, b"short"))

    served(serve, ask)
