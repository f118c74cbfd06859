"""The waiting room has two bounds, and knows about how long to stay away."""

from __future__ import annotations

import pytest

from plimsoll.runtime.waiting import Average, Busy, WaitingRoom


def test_there_is_a_seat_for_each_slot_and_for_those_who_wait() -> None:
    room = WaitingRoom(slots=2, seats=3, longest_wait=60.0)
    room.take(5)
    with pytest.raises(Busy):
        room.take(1)
    room.give_back(1)
    room.take(1)


def test_looking_into_the_room_takes_no_seat() -> None:
    room = WaitingRoom(slots=1, seats=0, longest_wait=60.0)
    room.check(1)
    room.take(1)
    with pytest.raises(Busy):
        room.check(1)


def test_several_seats_are_taken_together_or_not_at_all() -> None:
    room = WaitingRoom(slots=1, seats=1, longest_wait=60.0)
    with pytest.raises(Busy):
        room.take(3)
    room.take(2)


def test_prompts_may_wait_as_long_as_their_reading_is_expected_in_time() -> None:
    room = WaitingRoom(slots=1, seats=100, longest_wait=60.0)
    room.prompt_token_seconds.add(0.1)
    bearable = int(room.longest_wait / 0.1)
    room.enter(bearable - 10)
    with pytest.raises(Busy):
        room.enter(20)
    room.enter(10)
    room.leave(10)
    room.enter(10)


def test_a_prompt_that_waits_alone_may_be_as_long_as_it_likes() -> None:
    room = WaitingRoom(slots=1, seats=1, longest_wait=60.0)
    room.prompt_token_seconds.add(1.0)
    room.enter(10_000)


def test_nothing_is_refused_for_its_length_before_a_speed_is_known() -> None:
    room = WaitingRoom(slots=1, seats=10, longest_wait=60.0)
    room.enter(1_000_000)
    room.enter(1_000_000)


@pytest.mark.parametrize(("service", "taken", "seconds"), [(None, 4, 1), (10.0, 8, 10), (10.0, 20, 40), (1e6, 20, 60)])
def test_whoever_is_refused_is_told_when_those_who_wait_will_be_served(
    service: float | None, taken: int, seconds: int
) -> None:
    room = WaitingRoom(slots=4, seats=16, longest_wait=60.0, taken=taken)
    if service is not None:
        room.service_seconds.add(service)
    assert room.retry_after() == seconds


def test_an_average_follows_new_values() -> None:
    average = Average()
    average.add(1.0)
    assert average.value == 1.0
    average.add(2.0)
    assert average.value == pytest.approx(1.2)
