"""What becomes of a line: what may be said on it, who is silent for too long, and how it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMessage, WSMsgType
from msgspec.structs import replace

from plimsoll.controller.line import Encoded, Line, Pace
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.routing.conversation import LARGEST_FROM_GATEWAY, Load, ModelLoad, say
from plimsoll.routing.document import Version
from tests.support.feeds import SECONDS, Fed, heard, play, until
from tests.support.routing_documents import document, model, served
from tests.support.virtual_time import run


def test_load_is_kept_for_each_gateway_as_long_as_it_has_a_line() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        lines = [await made.connect() for _ in range(2)]
        for number, line in enumerate(lines, 1):
            await line.send_str(say(Load(models={"a/b": ModelLoad(running=number, waiting=1)})).decode())
        await until(lambda: sum(load.running for load in made.feed.loads) == 3)
        assert sum(load.waiting for load in made.feed.loads) == 2
        await lines[1].close()
        await made.until_gateways(1)
        assert sum(load.running for load in made.feed.loads) == 1

    play(scenario)


@pytest.mark.parametrize("second_leaves", [False, True])
def test_a_version_is_served_when_every_gateway_that_has_a_line_says_so(second_leaves: bool) -> None:
    old, new = (Version(epoch=1, sequence=number) for number in (1, 2))

    async def scenario(made: Fed) -> None:
        async def says(line: aiohttp.ClientWebSocketResponse, serves: Version | None) -> None:
            await line.send_str(say(Load(models={"a/b": ModelLoad(running=1)}, serves=serves)).decode())

        made.table.put(document())
        # Of the last one nobody waits for anything: it has no document, so it takes no calls.
        first, second, fresh = [await made.connect() for _ in range(3)]
        for line, serves in ((first, old), (second, old), (fresh, None)):
            await says(line, serves)
        await until(lambda: sum(load.running for load in made.feed.loads) == 3)
        await made.feed.served(old)
        served = asyncio.create_task(made.feed.served(new))
        await says(first, new)
        await until(lambda: new in [load_of.serves for load_of in _said(made)])
        assert not served.done()
        await (second.close() if second_leaves else says(second, new))
        async with asyncio.timeout(SECONDS):
            await served

    play(scenario)


def _said(made: Fed) -> list[Load]:
    return [line.load for line in made.feed._lines]


@pytest.mark.parametrize("said", ["nonsense", '{"message":"load"}', "[" * 10_000, '{"message":"other"}', b"{}"])
def test_who_says_what_no_gateway_says_is_closed(said: str | bytes) -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        await (line.send_str(said) if isinstance(said, str) else line.send_bytes(said))
        closed = await line.receive(timeout=SECONDS)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1008)
        await made.until_gateways(0)

    play(scenario)


def test_a_word_that_is_too_large_is_not_even_read() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        await line.send_str(" " * (LARGEST_FROM_GATEWAY + 1))
        closed = await line.receive(timeout=SECONDS)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1009)
        await made.until_gateways(0)

    play(scenario)


def test_it_pings_also_who_speaks() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect(autoping=False)
        await heard(line)
        for _ in range(3):
            await line.send_str(say(Load(models={})).decode())
            said = await line.receive(timeout=SECONDS)
            assert said.type is WSMsgType.PING

    play(scenario, Pace(heartbeat=0.05, silence=SECONDS))


def test_a_ping_of_a_gateway_is_answered() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect(autoping=False)
        await heard(line)
        await line.ping(b"there?")
        said = await line.receive(timeout=SECONDS)
        assert (said.type, said.data) == (WSMsgType.PONG, b"there?")

    play(scenario)


def test_a_gateway_that_is_silent_is_cut_off() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect(autoping=False)
        await made.until_gateways(0)
        await line.close()

    play(scenario, Pace(heartbeat=0.05, silence=0.5))


class _Answering:
    """In place of a connection: who answers each ping for some time, and then no more."""

    def __init__(self, answers: int) -> None:
        self.left = answers
        self.pings: asyncio.Queue[object] = asyncio.Queue()

    async def prepare(self, request: object) -> None:
        return

    async def send_frame(self, frame: bytes, kind: WSMsgType) -> None:
        if kind is WSMsgType.PING and self.left:
            self.left -= 1
            self.pings.put_nowait(WSMessage(WSMsgType.PONG, frame, None))

    async def receive(self) -> object:
        return await self.pings.get()


def test_who_answers_pings_keeps_its_line_and_three_without_an_answer_end_it() -> None:
    async def scenario() -> None:
        line = Line("gateway-1", RoutingTable(), Encoded(), Pace(), lambda: None)
        connection: Any = _Answering(answers=100)
        line.socket = connection
        request: Any = SimpleNamespace(transport=None)
        began = asyncio.get_running_loop().time()
        await line.run(request, asyncio.Event())
        assert connection.left == 0
        # A hundred pings of five seconds each, and then the fourth that is due when fifteen seconds are over.
        assert asyncio.get_running_loop().time() - began == pytest.approx(500 + 20)

    run(scenario())


def test_a_gateway_that_takes_nothing_is_cut_off_although_it_speaks() -> None:
    async def speak(line: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await line.send_str(say(Load(models={})).decode())
            await asyncio.sleep(0.05)

    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        assert line._response.connection is not None
        transport = line._response.connection.transport
        assert transport is not None
        transport.pause_reading()
        speaking = asyncio.create_task(speak(line))
        # What has come waits in the buffers of both ends, and 30 MB do not fit in there.
        large = {f"team/m-{number}": model(f"team/m-{number}", served(target="x" * 300_000)) for number in range(100)}
        made.table.put(replace(document(), version=document().version.next(), models=large))
        await made.until_gateways(0)
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        transport.abort()

    play(scenario, Pace(heartbeat=0.05, silence=2.0))


def test_it_says_goodbye_before_it_stops_to_listen() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        # It does not answer at once, so the operator has to wait for it.
        line = await made.session.ws_connect(
            made.url, headers={"Authorization": "Bearer good"}, ssl=made.trusting(), autoclose=False
        )
        await heard(line)
        made.running.cancel()
        closed = await line.receive(timeout=SECONDS)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1001)
        assert await made.refusal() == 503
        await line.close()
        await asyncio.gather(made.running, return_exceptions=True)
        with pytest.raises(aiohttp.ClientConnectorError):
            await made.connect()

    play(scenario)


def test_after_a_goodbye_it_goes_on_turning_gateways_away_until_it_ends() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect()
        await heard(line)
        leaving = asyncio.create_task(made.feed.say_goodbye())
        closed = await line.receive(timeout=SECONDS)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, 1001)
        await leaving
        assert made.feed.gateways == 0
        assert await made.refusal() == 503
        assert not made.running.done()

    play(scenario)


def test_who_does_not_answer_a_goodbye_is_not_waited_for() -> None:
    async def scenario(made: Fed) -> None:
        made.table.put(document())
        line = await made.connect(autoping=False)
        await heard(line)
        # Its end is not read any more.
        await made.stop()
        await made.until_gateways(0)
        await line.close()

    play(scenario, Pace(goodbye=0.2))
