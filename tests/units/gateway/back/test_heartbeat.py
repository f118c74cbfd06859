"""A stream that is silent for long says that it is still there, and never in the middle of something else."""

from __future__ import annotations

import asyncio
import gc
import weakref

from plimsoll.gateway.heartbeat import Heartbeat
from tests.support import virtual_time


class Heard:
    def __init__(self) -> None:
        self.at: list[float] = []

    async def beat(self) -> None:
        self.at.append(asyncio.get_running_loop().time())


def test_before_an_answer_has_begun_the_first_one_comes_late() -> None:
    async def silent() -> list[float]:
        heard = Heard()
        heart = Heartbeat(heard.beat)
        await asyncio.sleep(80)
        await heart.end()
        return heard.at

    assert virtual_time.run(silent()) == [45, 60, 75]


def test_nothing_is_said_while_events_come_or_the_client_does_not_read() -> None:
    async def busy() -> list[float]:
        heard = Heard()
        heart = Heartbeat(heard.beat)
        heart.begun()
        for _ in range(10):
            heart.moved = True
            await asyncio.sleep(10)
        heart.sending = True
        await asyncio.sleep(100)
        await heart.end()
        return heard.at

    assert virtual_time.run(busy()) == []


def test_a_quarter_of_a_minute_of_silence_is_enough() -> None:
    async def silent() -> list[float]:
        heard = Heard()
        heart = Heartbeat(heard.beat)
        heart.begun()
        await asyncio.sleep(31)
        await heart.end()
        await asyncio.sleep(100)
        return heard.at

    assert virtual_time.run(silent()) == [15, 30]


def test_an_answer_ends_although_its_client_does_not_even_read_a_heartbeat() -> None:
    async def stuck() -> None:
        await asyncio.sleep(10_000)

    async def run() -> float:
        heart = Heartbeat(stuck)
        await asyncio.sleep(50)
        await heart.end()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(run()) == 50


class Stream:
    """As streams are made: each leads to the other."""

    def __init__(self) -> None:
        self.heart = Heartbeat(self.beat)

    async def beat(self) -> None: ...


def test_a_stream_that_has_ended_is_gone_before_anybody_collects_it() -> None:
    async def run() -> bool:
        stream = Stream()
        stream.heart.begun()
        await stream.heart.end()
        seen = weakref.ref(stream)
        del stream
        return seen() is None

    gc.disable()
    try:
        assert virtual_time.run(run())
    finally:
        gc.enable()
