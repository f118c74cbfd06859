"""A stream goes on step by step as it comes, and its call is woken when there is more to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiohttp import ClientPayloadError, SocketTimeoutError, StreamReader

from plimsoll.gateway.relay import Relay
from plimsoll.gateway.upstream import UpstreamProtocol, new_session
from tests.support.virtual_time import run

_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_IDLE, _WITHIN = 10.0, 7.0


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.Protocol
        self.closing = False
        # What was done to its reading.
        self.reading: list[str] = []

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(asyncio.Protocol, protocol)

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading.append("held")

    def resume_reading(self) -> None:
        self.reading.append("resumed")

    def close(self) -> None:
        self.closing = True
        asyncio.get_running_loop().call_soon(lambda: self.protocol.connection_lost(None))


@dataclass
class Stage:
    transport: Transport
    protocol: UpstreamProtocol
    content: StreamReader
    took: list[bytes] = field(default_factory=list)
    # What it says of the next pieces; True when there is nothing left.
    says: list[bool] = field(default_factory=list)
    fails: Exception | None = None

    def take(self, data: bytes) -> bool:
        self.took.append(data)
        if self.fails is not None:
            raise self.fails
        return self.says.pop(0) if self.says else True

    def comes(self, *chunks: bytes) -> None:
        self.transport.protocol.data_received(b"".join(chunks))

    @asynccontextmanager
    async def relayed(self) -> AsyncIterator[asyncio.Task[None]]:
        relay = Relay(self.content, self.protocol, _IDLE, self.take)
        task = asyncio.create_task(relay.run(self.transport))
        await asyncio.sleep(0)
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert self.transport.protocol is self.protocol


def play(scene: Callable[[Stage], Awaitable[None]], buffer: int = 1 << 16) -> None:
    """After the head of an answer in chunks."""

    async def main() -> None:
        transport, protocol = Transport(), UpstreamProtocol(asyncio.get_running_loop())
        protocol.connection_made(transport)
        protocol.set_response_params(read_timeout=_WITHIN, read_bufsize=buffer)
        transport.set_protocol(protocol)
        transport.protocol.data_received(_HEAD)
        _, content = await protocol.read()
        await scene(Stage(transport, protocol, content))

    run(main())


def test_what_comes_is_taken_at_once_and_what_was_there_before_it() -> None:
    async def scene(stage: Stage) -> None:
        stage.comes(chunk(b"one"))
        async with stage.relayed() as task:
            assert stage.took == [b"one"]
            stage.comes(chunk(b"two"))
            assert stage.took == [b"one", b"two"]
            stage.comes(chunk(b"three")[:-4])
            stage.comes(chunk(b"three")[-4:])
            assert b"".join(stage.took) == b"onetwothree"
            assert not task.done()
        # Nothing was held back, so nothing is taken up again.
        assert stage.transport.reading == []

    play(scene)


def test_connections_to_backends_are_of_this_kind() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, new_session() as session:
            port = server.sockets[0].getsockname()[1]
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert answer.connection is not None
                assert isinstance(answer.connection.protocol, UpstreamProtocol)
                answer.close()
            await gone.wait()

    asyncio.run(main())


def test_when_it_is_not_taken_whole_the_call_goes_on_and_the_rest_waits() -> None:
    async def scene(stage: Stage) -> None:
        stage.says = [False]
        async with stage.relayed() as task:
            stage.comes(chunk(b"one"))
            # Before the call has come round to it.
            stage.comes(chunk(b"two"))
            await task
            stage.comes(chunk(b"three"))
        assert stage.took == [b"one"]
        assert stage.content.read_nowait() == b"twothree"
        assert stage.protocol.read_timeout == _WITHIN

    play(scene)


def test_the_end_of_the_answer_is_the_end_and_no_clock_runs_for_who_comes_next() -> None:
    async def scene(stage: Stage) -> None:
        async with stage.relayed() as task:
            stage.comes(chunk(b"last"), _END)
            await task
        assert stage.took == [b"last"]
        assert await stage.content.readany() == b""
        await asyncio.sleep(10 * _WITHIN)
        assert stage.protocol.exception() is None

    play(scene)


def test_a_connection_that_breaks_is_told_to_whoever_reads_on() -> None:
    async def scene(stage: Stage) -> None:
        async with stage.relayed() as task:
            stage.comes(chunk(b"one"))
            stage.transport.close()
            await task
        assert stage.took == [b"one"]
        with pytest.raises(ClientPayloadError):
            await stage.content.readany()

    play(scene)


def test_what_is_no_http_is_told_to_whoever_reads_on() -> None:
    async def scene(stage: Stage) -> None:
        async with stage.relayed() as task:
            stage.comes(b"this is no chunk")
            await task
        assert stage.content.exception() is not None

    play(scene)


def test_silence_is_too_long_when_nothing_came_for_the_whole_time() -> None:
    async def scene(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        async with stage.relayed() as task:
            for _ in range(5):
                await asyncio.sleep(_IDLE - 1)
                stage.comes(chunk(b"more"))
            last = loop.time()
            await task
            assert loop.time() - last == pytest.approx(_IDLE)
        with pytest.raises(SocketTimeoutError):
            await stage.content.readany()

    play(scene)


def test_what_was_held_back_comes_in_its_order_and_whole() -> None:
    pieces = [b"%03d" % number for number in range(200)]

    async def scene(stage: Stage) -> None:
        stage.comes(*map(chunk, pieces))
        assert stage.transport.reading == ["held"]
        async with stage.relayed() as task:
            assert stage.transport.reading[-1] == "resumed"
            assert b"".join(stage.took) == b"".join(pieces)
            resumed = len(stage.transport.reading)
            stage.comes(chunk(b"after"))
            assert stage.took[-1] == b"after"
            assert len(stage.transport.reading) == resumed
            assert not task.done()

    play(scene, buffer=64)


def test_what_goes_wrong_while_it_is_taken_goes_wrong_in_the_call() -> None:
    async def scene(stage: Stage) -> None:
        stage.fails = ValueError("nobody has thought of this")
        async with stage.relayed() as task:
            stage.comes(chunk(b"one"))
            with pytest.raises(ValueError, match="nobody has thought of this"):
                await task

    play(scene)


def test_a_call_that_is_ended_leaves_the_connection_as_it_was() -> None:
    async def scene(stage: Stage) -> None:
        async with stage.relayed() as task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert stage.protocol.read_timeout == _WITHIN
        # Its own clock runs again.
        with pytest.raises(SocketTimeoutError):
            await stage.content.readany()

    play(scene)
