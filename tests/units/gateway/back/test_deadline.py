"""A deadline ends what takes too long, as asyncio.timeout does, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from plimsoll.gateway.deadline import Deadline
from tests.support import virtual_time

Within = Callable[[Deadline], Awaitable[object]]


async def bounded(seconds: float | None, work: Within) -> None:
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, None if seconds is None else loop.time() + seconds)
    deadline.begin()
    try:
        await work(deadline)
    except BaseException as error:
        deadline.end(error)
        raise
    deadline.end(None)


def sleeping(seconds: float) -> Within:
    return lambda _: asyncio.sleep(seconds)


def test_what_takes_too_long_ends_in_time() -> None:
    async def story() -> float:
        with pytest.raises(TimeoutError):
            await bounded(2, sleeping(10))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return asyncio.get_running_loop().time()

    assert virtual_time.run(story()) == 2


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_what_ends_before_is_left_alone_for_ever(seconds: float | None) -> None:
    async def story() -> float:
        await bounded(seconds, sleeping(1))
        await asyncio.sleep(20)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(story()) == 21


@pytest.mark.parametrize(("moved", "ends"), [(1.0, 1.0), (6.0, 6.0), (None, 10.0)])
def test_it_can_be_moved_and_taken_back(moved: float | None, ends: float) -> None:
    async def story() -> float:
        async def work(deadline: Deadline) -> None:
            deadline.reschedule(moved)
            await asyncio.sleep(10)

        try:
            await bounded(3, work)
        except TimeoutError:
            assert moved is not None
        return asyncio.get_running_loop().time()

    assert virtual_time.run(story()) == ends


def test_whoever_else_ends_the_task_is_heard() -> None:
    async def story() -> bool:
        task = asyncio.create_task(bounded(5, sleeping(10)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert virtual_time.run(story())


def test_whoever_else_ends_it_at_the_same_moment_is_heard_too() -> None:
    async def story() -> bool:
        task = asyncio.create_task(bounded(5, sleeping(10)))
        asyncio.get_running_loop().call_later(5, task.cancel)
        await asyncio.wait([task])
        return task.cancelled()

    assert virtual_time.run(story())


def test_its_own_error_is_not_taken_for_the_end_of_time() -> None:
    async def story() -> None:
        async def work(_: Deadline) -> None:
            raise OSError("broken")

        await bounded(5, work)

    with pytest.raises(OSError, match="broken"):
        virtual_time.run(story())


def test_who_was_told_to_end_before_and_did_not_has_a_deadline_all_the_same() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            with pytest.raises(TimeoutError):
                await bounded(2, sleeping(10))
        return "ended by itself"

    async def story() -> str:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        task.cancel()
        return await task

    assert virtual_time.run(story()) == "ended by itself"
