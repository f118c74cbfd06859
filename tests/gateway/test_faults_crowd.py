"""G-27: thousands of idle connections and a thousand streams for a long time: nothing grows, and nobody is cut."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import WORDS, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.traffic.question import Question, Wanted, streamed
from tests.support.traffic.raw import Callers
from tests.support.traffic.verdict import Kind, judge

MIB = 1 << 20
IDLE, ACTIVE = 10_000, 1000
# Files of the test itself, beside one for each connection.
_SPARE = 2000
_SPOKEN = WORDS * 4
_PACE = 1.0
_LOOK_SECONDS = 5.0
# What a thousand streams may take more or less of from one moment to the next.
_FLAT = 8 * MIB


@pytest.fixture
def files() -> Iterator[int]:
    """How many connections this machine lets one process have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_g27_ten_thousand_idle_and_a_thousand_streams_take_the_same_memory_all_the_time(
    files: int, start_upstream: StartUpstream, start_gateway: StartGateway, form: Form
) -> None:
    upstream = start_upstream("vllm")
    upstream.script(Script(words=_SPOKEN, pace=_PACE))
    gateway = start_gateway(
        opened(hosted(upstream, backend="vllm", limits=Limits(concurrency=2 * ACTIVE))), "--idle-seconds=3600"
    )
    crowd = Crowd(gateway, idle=min(IDLE, files - ACTIVE - _SPARE), seconds=form.count(small=120, large=600))
    asyncio.run(crowd.run())
    assert crowd.kinds.keys() == {Kind.RIGHT}, crowd.kinds
    assert crowd.kinds[Kind.RIGHT] >= ACTIVE
    assert crowd.still_there == crowd.idle
    third = len(crowd.memory) // 3
    first, last = sorted(crowd.memory[:third])[third // 2], sorted(crowd.memory[-third:])[third // 2]
    assert last - first <= _FLAT, [each // MIB for each in crowd.memory]


class Crowd:
    """All who are connected to one gateway, and what became of them."""

    def __init__(self, gateway: GatewayProcess, idle: int, seconds: float) -> None:
        self.idle = idle
        self.still_there = 0
        self.kinds = Counter[Kind]()
        self.memory: list[int] = []
        self._gateway = gateway
        self._seconds = seconds

    async def run(self) -> None:
        connections = [await asyncio.open_connection("127.0.0.1", self._gateway.port) for _ in range(self.idle)]
        for _, writer in connections:
            writer.write(_LIST)
        for reader, _ in connections:
            await _answer(reader)
        until = asyncio.get_running_loop().time() + self._seconds
        async with asyncio.TaskGroup() as group:
            for number in range(ACTIVE):
                group.create_task(self._talk(until, number * _PACE / ACTIVE))
            group.create_task(self._look(until))
        for reader, writer in connections:
            writer.write(_LIST)
            self.still_there += await _answer(reader)
            writer.close()

    async def _talk(self, until: float, after: float) -> None:
        """One stream after the other, on one connection; not all of them speak at the same moment."""
        await asyncio.sleep(after)
        callers = Callers("127.0.0.1", self._gateway.port, patience=300.0)
        question = Question(streamed("team-a/chat", "Ahoy"), Wanted("".join(_SPOKEN)), key=KEY)
        while asyncio.get_running_loop().time() < until:
            self.kinds[judge(await callers.ask(question), question.wanted).kind] += 1
        callers.close()

    async def _look(self, until: float) -> None:
        # The first streams make what all later ones use again.
        await asyncio.sleep(self._seconds / 4)
        while asyncio.get_running_loop().time() < until:
            self.memory.append(self._gateway.memory)
            await asyncio.sleep(_LOOK_SECONDS)


_LIST = f"GET /v1/models HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()


async def _answer(reader: asyncio.StreamReader) -> bool:
    """Whether there was one."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return head.startswith(b"HTTP/1.1 200")
