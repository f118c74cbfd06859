"""The queue: once, never twice at the same time, later when it failed. Time is virtual."""

from __future__ import annotations

import asyncio
import random

import pytest

from plimsoll.controller.queue import Closed, KeyedQueue
from plimsoll.plan.observed import Key
from tests.support.virtual_time import run

_CHAT, _CODE, _DRAW = (Key("team", name) for name in ("chat", "code", "draw"))


async def _taken(queue: KeyedQueue, count: int) -> list[tuple[Key, float]]:
    """What comes out, and when."""
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(count):
        key = await queue.take()
        queue.done(key)
        found.append((key, round(loop.time(), 3)))
    return found


def test_a_key_waits_at_most_once_and_in_the_order_of_its_first_call() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        for key in (_CHAT, _CODE, _CHAT, _CHAT):
            queue.add(key)
        assert queue.depth == 2
        assert [key for key, _ in await _taken(queue, 2)] == [_CHAT, _CODE]
        assert queue.depth == 0

    run(main())


def test_a_key_that_is_worked_on_comes_again_only_when_that_work_is_done() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add(_CHAT)
        key = await queue.take()
        queue.add(_CHAT)
        queue.add(_CHAT)
        assert queue.depth == 1
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(1)
        assert not taking.done()
        queue.done(key)
        assert await taking == _CHAT
        assert queue.depth == 0

    run(main())


def test_what_is_noticed_of_a_key_that_was_just_worked_on_makes_one_pass_together() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.notice(_CHAT)
        key = await queue.take()
        queue.notice(_CHAT)
        await asyncio.sleep(0.1)
        queue.done(key)
        for _ in range(5):
            queue.notice(_CHAT)
            await asyncio.sleep(0.05)
        assert queue.depth == 1, "who asks whether there is work is told of what only rests before it"
        assert await _taken(queue, 1) == [(_CHAT, 0.4)]
        await asyncio.sleep(10)
        assert queue.depth == 0

    run(main())


@pytest.mark.parametrize(("took", "rest"), [(0.0, 0.3), (1.0, 1.0), (60.0, 3.0)])
def test_a_key_rests_as_long_as_its_pass_took_within_bounds(took: float, rest: float) -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add(_CHAT)
        key = await queue.take()
        await asyncio.sleep(took)
        queue.done(key)
        queue.notice(_CHAT)
        assert await _taken(queue, 1) == [(_CHAT, took + rest)]

    run(main())


def test_a_key_that_has_rested_comes_at_once_when_something_is_noticed() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add(_CHAT)
        await _taken(queue, 1)
        await asyncio.sleep(1)
        assert queue.depth == 0
        queue.notice(_CHAT)
        assert await _taken(queue, 1) == [(_CHAT, 1)]

    run(main())


def test_what_is_asked_for_ends_the_rest_and_stands_for_what_was_noticed_in_it() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add(_CHAT)
        await _taken(queue, 1)
        await asyncio.sleep(0.2)
        queue.notice(_CHAT)
        queue.add(_CHAT)
        assert await _taken(queue, 1) == [(_CHAT, 0.2)]
        queue.notice(_CHAT)
        assert await _taken(queue, 1) == [(_CHAT, 0.5)]
        await asyncio.sleep(10)
        assert queue.depth == 0

    run(main())


def test_what_is_asked_for_comes_before_what_was_only_noticed() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.notice(_CHAT)
        queue.notice(_DRAW)
        await asyncio.sleep(1)
        queue.add(_CODE)
        queue.add(_DRAW)
        queue.notice(_CODE)
        assert queue.depth == 3
        assert [key for key, _ in await _taken(queue, 3)] == [_CODE, _DRAW, _CHAT]

    run(main())


def test_who_was_only_noticed_is_overtaken_by_those_that_are_asked_for_within_two_seconds_and_by_nobody_after() -> None:
    async def main() -> list[Key]:
        queue = KeyedQueue()
        queue.notice(_CHAT)
        for number in range(20):
            queue.add(Key("team", f"new-{number}"))
            await asyncio.sleep(0.25)
        return [key for key, _ in await _taken(queue, 21)]

    assert run(main()).index(_CHAT) == 9


def test_who_has_waited_for_long_keeps_its_place_when_it_is_asked_for() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.notice(_CHAT)
        await asyncio.sleep(2.5)
        queue.add(_CODE)
        queue.add(_CHAT)
        assert queue.depth == 2
        assert [key for key, _ in await _taken(queue, 2)] == [_CHAT, _CODE]

    run(main())


def test_whoever_waits_gets_the_key_that_is_added_later() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        waiting = [asyncio.ensure_future(queue.take()) for _ in range(2)]
        await asyncio.sleep(1)
        queue.add(_CHAT)
        queue.add(_CODE)
        assert {await each for each in waiting} == {_CHAT, _CODE}

    run(main())


def test_of_several_delays_the_earliest_counts() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        for seconds in (30, 10, 20):
            queue.add_later(_CHAT, seconds)
        assert await _taken(queue, 1) == [(_CHAT, 10)]
        queue.add_later(_CODE, 100)
        assert await _taken(queue, 1) == [(_CODE, 110)]

    run(main())


def test_a_call_now_takes_the_place_of_a_delayed_one() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add_later(_CHAT, 10)
        queue.add(_CHAT)
        assert await _taken(queue, 1) == [(_CHAT, 0)]
        queue.add_later(_CODE, 60)
        assert await _taken(queue, 1) == [(_CODE, 60)]

    run(main())


def test_failures_are_tried_again_later_each_time_up_to_five_minutes() -> None:
    async def main() -> list[float]:
        queue = KeyedQueue(random.Random(1))
        pauses = []
        for _ in range(20):
            pauses.append(queue.back_off(_CHAT))
            await _taken(queue, 1)
        return pauses

    pauses = run(main())
    for expected, pause in zip([0.2 * 2**n for n in range(10)], pauses, strict=False):
        assert expected * 0.8 <= pause <= expected * 1.2
    assert all(240 <= pause <= 360 for pause in pauses[11:])
    assert len({round(pause, 6) for pause in pauses[12:]}) > 1


def test_a_success_forgets_the_failures_before() -> None:
    async def main() -> float:
        queue = KeyedQueue(random.Random(1))
        for _ in range(10):
            queue.back_off(_CHAT)
        queue.succeeded(_CHAT)
        return queue.back_off(_CHAT)

    assert run(main()) <= 0.24


def test_the_time_that_a_server_asked_for_is_kept() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        assert queue.back_off(_CHAT, at_least=7) == 7
        assert await _taken(queue, 1) == [(_CHAT, 7)]

    run(main())


def test_many_keys_can_be_spread_over_a_time() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add_all([_CHAT, _CODE, _DRAW], spread=60)
        assert await _taken(queue, 3) == [(_CHAT, 0), (_CODE, 20), (_DRAW, 40)]

    run(main())


def test_draining_lets_what_runs_finish_and_hands_nothing_more_out() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        queue.add(_CHAT)
        key = await queue.take()
        queue.add(_CODE)
        queue.add_later(_DRAW, 5)
        queue.notice(_CHAT)
        draining = asyncio.ensure_future(queue.drain())
        await asyncio.sleep(1)
        assert not draining.done()
        with pytest.raises(Closed):
            await queue.take()
        queue.done(key)
        await draining
        queue.add(_CHAT)
        with pytest.raises(Closed):
            await queue.take()

    run(main())


def test_the_age_of_the_first_one_is_known() -> None:
    async def main() -> None:
        queue = KeyedQueue()
        assert queue.oldest == 0
        queue.add(_CHAT)
        await asyncio.sleep(3)
        queue.notice(_CODE)
        assert queue.oldest == 3
        assert queue.busy == 0
        await queue.take()
        await asyncio.sleep(1)
        assert queue.oldest == 1
        await queue.take()
        assert queue.oldest == 0
        assert queue.busy == 2

    run(main())
