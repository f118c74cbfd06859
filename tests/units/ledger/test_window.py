"""A sliding window, exact as long as it is small, and never too generous."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.ledger.window import EXACT, Window

LENGTH = 60_000_000_000


def test_a_use_counts_until_the_window_has_passed_since() -> None:
    window = Window()
    window.add(100, 5, LENGTH)
    window.forget(99)
    assert window.total == 5
    window.forget(100)
    assert window.total == 0
    assert not window


def test_it_is_known_when_there_is_room() -> None:
    window = Window()
    for at in (10, 20, 30):
        window.add(at, 5, LENGTH)
    assert [window.free_at(needed, LENGTH) - LENGTH for needed in (1, 5, 6, 10, 15)] == [10, 10, 20, 20, 30]
    with pytest.raises(ValueError, match="never used"):
        window.free_at(16, LENGTH)


def test_what_is_settled_after_it_has_left_the_window_changes_nothing() -> None:
    window = Window()
    use = window.add(10, 5, LENGTH)
    window.add(20, 1, LENGTH)
    window.forget(10)
    window.change(use, -5)
    assert window.total == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(-9, 9)), max_size=60))
def test_the_total_is_what_a_slow_sum_says(steps: list[tuple[int, int, int]]) -> None:
    window, now, length, slow = Window(), 0, 100, list[list[int]]()
    for step, amount, change in steps:
        now += step
        window.forget(now - length)
        use, row = window.add(now, amount, length), [now, amount]
        slow.append(row)
        settled = max(0, amount + change)
        window.change(use, settled - amount)
        row[1] = settled
        assert window.total == sum(used for at, used in slow if at > now - length)


def test_many_uses_take_little_memory_and_are_never_forgotten_early() -> None:
    chance, window, now, exact = random.Random(1), Window(), 0, list[int]()
    for _ in range(4 * EXACT):
        now += chance.randrange(LENGTH // EXACT // 4)
        window.add(now, 1, LENGTH)
        exact.append(now)
    assert len(window._uses) < 3 * EXACT
    late = LENGTH // EXACT
    for until in range(exact[0], now + late, now // 50):
        window.forget(until)
        assert sum(at > until for at in exact) <= window.total <= sum(at > until - late for at in exact)
