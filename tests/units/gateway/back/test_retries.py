"""Second tries have a budget, and backends that have too much are left alone for as long as they say."""

from __future__ import annotations

import pytest

from plimsoll.gateway.retries import RetryBudget, pause_of

NOW = 1_795_000_000.0


def test_in_a_long_outage_second_tries_are_a_tenth_of_the_calls() -> None:
    budget, calls, more = RetryBudget(), 1000, 0
    for _ in range(calls):
        budget.earn()
        more += budget.spend()
    assert more <= calls * 0.1 + 3


def test_the_first_calls_of_all_may_be_tried_again() -> None:
    budget = RetryBudget()
    budget.earn()
    assert budget.spend()


def test_what_good_times_have_left_over_has_a_bound() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(1000)) == 10


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("2.5", 2.5),
        ("3600", 60.0),
        ("Thu, 18 Nov 2026 11:06:50 GMT", 10.0),
        ("Thu, 18 Nov 2020 11:06:50 GMT", 0.0),
        ("soon", 1.0),
        ("", 1.0),
        (None, 1.0),
    ],
)
def test_a_pause_is_a_number_or_a_date_or_a_second(header: str | None, seconds: float) -> None:
    assert pause_of(header, NOW) == pytest.approx(seconds, abs=1.5)
