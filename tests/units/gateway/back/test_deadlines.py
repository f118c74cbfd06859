"""A step that is overdue ends, the one beside it does not, and whoever was cancelled by somebody else stays so."""

from __future__ import annotations

import asyncio

import pytest

from plimsoll.gateway.deadlines import Deadline, Deadlines
from tests.support import virtual_time


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


async def _step(deadlines: Deadlines, when: float | None) -> None:
    with Deadline(deadlines, when):
        await _never()


def _now() -> float:
    return asyncio.get_running_loop().time()


def test_what_is_overdue_ends_and_what_is_beside_it_goes_on() -> None:
    async def story() -> None:
        deadlines = Deadlines()
        patient = [asyncio.create_task(_step(deadlines, when)) for when in (None, _now() + 3600)]
        with pytest.raises(TimeoutError):
            await _step(deadlines, _now())
        assert not any(each.done() for each in patient)
        assert len(deadlines.open) == 2
        for each in patient:
            each.cancel()
        await asyncio.gather(*patient, return_exceptions=True)
        assert not deadlines.open

    virtual_time.run(story())


def test_it_can_be_moved_in_both_directions() -> None:
    async def moved(deadlines: Deadlines, when: float, *, at_most: float | None = None) -> None:
        with Deadline(deadlines, when) as deadline:
            if at_most is None:
                deadline.when = None
            else:
                deadline.no_later_than(at_most)
            await _never()

    async def story() -> None:
        deadlines, now = Deadlines(), _now()
        put_off = asyncio.create_task(moved(deadlines, now))
        for when, at_most in ((now + 3600, now + 1), (now + 1, now + 3600)):
            with pytest.raises(TimeoutError):
                await moved(deadlines, when, at_most=at_most)
        assert now + 1 <= _now() < now + 3
        assert not put_off.done()
        put_off.cancel()
        await asyncio.gather(put_off, return_exceptions=True)

    virtual_time.run(story())


def test_a_step_that_ended_in_time_is_never_ended_again() -> None:
    async def story() -> str:
        deadlines = Deadlines()
        with Deadline(deadlines, _now()) as deadline:
            pass
        deadline.expire()
        await _looked_at(deadlines)
        return "went on"

    assert virtual_time.run(story()) == "went on"


def test_who_is_cancelled_by_somebody_else_stays_cancelled() -> None:
    async def story() -> None:
        deadlines = Deadlines()
        task = asyncio.create_task(_step(deadlines, None))
        await asyncio.sleep(0)
        (deadline,) = deadlines.open
        deadline.expire()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(story())


def test_a_task_that_was_ended_by_one_deadline_can_wait_again() -> None:
    async def story() -> str:
        deadlines = Deadlines()
        with pytest.raises(TimeoutError):
            await _step(deadlines, _now())
        async with asyncio.timeout(3600):
            await _looked_at(deadlines)
        return "went on"

    assert virtual_time.run(story()) == "went on"


async def _looked_at(deadlines: Deadlines) -> None:
    """A step that came later has ended, so whatever was overdue before has as well."""
    with pytest.raises(TimeoutError):
        await _step(deadlines, _now())
