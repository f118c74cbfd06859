"""Calls that wait for a limit, on a clock that leaps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from plimsoll.cost.record import Outcome
from plimsoll.gateway.waiting import Left, WaitingRoom
from plimsoll.ledger.holds import Ask, Granted, Kind, Limited, Refused, Scope
from plimsoll.ledger.line import Waiting
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.limits import Limits
from tests.support import virtual_time

NANO = 1_000_000_000
DAY = 24 * 3600 * NANO
ONE_AT_A_TIME = Limits(concurrency=1, when_full="wait", queue=2)
THREE_A_MINUTE = Limits(requests=3, window_seconds=60, when_full="wait", queue=5)


class House:
    """A room with its clock, and the order in which calls came in."""

    def __init__(self, limits: Limits, patience: float = 90.0) -> None:
        self._loop = asyncio.get_running_loop()
        self.limits = limits
        self.room = WaitingRoom(MemoryHolds(), lambda: round(self._loop.time() * NANO), patience)
        self.let_in: list[tuple[str, float]] = []
        self.stops: dict[str, asyncio.Future[Outcome]] = {}

    async def call(self, name: str) -> Granted | Refused:
        stopped = self.stops[name] = self._loop.create_future()
        found = self.room.enter(Ask(name, 10, (Limited(Scope(Kind.KEY, "a/b"), self.limits),), DAY))
        if isinstance(found, Waiting):
            found = await self.room.wait(name, stopped)
        if isinstance(found, Granted):
            self.let_in.append((name, self._loop.time()))
        return found

    def begin(self, *names: str) -> list[asyncio.Task[Granted | Refused]]:
        return [asyncio.ensure_future(self.call(name)) for name in names]


def _in_house(limits: Limits, story: Callable[[House], Awaitable[None]], patience: float = 90.0) -> None:
    async def main() -> None:
        await story(House(limits, patience))

    virtual_time.run(main())


def test_the_fourth_of_three_a_minute_is_let_in_at_the_edge_of_the_window() -> None:
    async def story(house: House) -> None:
        for task in house.begin("1", "2", "3"):
            await task
        for name in "123":
            house.room.settle(name, 1)
        await asyncio.sleep(20)
        await house.call("4")
        name, second = house.let_in[-1]
        assert (name, round(second, 2)) == ("4", 60)

    _in_house(THREE_A_MINUTE, story)


def test_whoever_ends_lets_the_longest_waiting_one_in_at_once() -> None:
    async def story(house: House) -> None:
        tasks = house.begin("1", "2", "3")
        await asyncio.sleep(7)
        house.room.settle("1", 1)
        await tasks[1]
        assert house.let_in == [("1", 0.0), ("2", 7.0)]
        await asyncio.sleep(1)
        house.room.settle("2", 1)
        await tasks[2]
        assert house.let_in[-1] == ("3", 8.0)

    _in_house(ONE_AT_A_TIME, story)


def test_when_as_many_wait_as_may_the_next_one_is_refused() -> None:
    async def story(house: House) -> None:
        tasks = house.begin("1", "2", "3")
        await asyncio.sleep(0)
        assert isinstance(await house.call("4"), Refused)
        assert len(house.room) == 2
        for name, task in zip("123", tasks, strict=True):
            await task
            house.room.settle(name, 0)

    _in_house(ONE_AT_A_TIME, story)


def test_patience_ends_with_a_refusal() -> None:
    async def story(house: House) -> None:
        await house.call("1")
        assert isinstance(await house.call("2"), Refused)
        assert asyncio.get_running_loop().time() == pytest.approx(30, abs=0.01)
        assert len(house.room) == 0

    _in_house(ONE_AT_A_TIME, story, patience=30)


def test_a_client_that_goes_away_leaves_the_line_and_holds_nothing() -> None:
    async def story(house: House) -> None:
        tasks = house.begin("1", "2", "3")
        await asyncio.sleep(1)
        house.stops["2"].set_result(Outcome.CANCELLED)
        with pytest.raises(Left):
            await tasks[1]
        house.room.settle("1", 0)
        assert isinstance(await tasks[2], Granted)
        assert [name for name, _ in house.let_in] == ["1", "3"]

    _in_house(ONE_AT_A_TIME, story)


def test_many_that_end_at_once_let_as_many_in() -> None:
    async def story(house: House) -> None:
        tasks = house.begin(*(str(number) for number in range(6)))
        await asyncio.sleep(1)
        for name in "012":
            house.room.settle(name, 0)
        await asyncio.gather(*tasks)
        assert [name for name, _ in house.let_in] == list("012345")

    _in_house(Limits(concurrency=3, when_full="wait", queue=10), story)
