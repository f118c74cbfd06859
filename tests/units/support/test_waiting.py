"""Waiting ends with the first true answer, or in words at the deadline."""

from __future__ import annotations

from itertools import count

import pytest

from tests.support.waiting import NeverHappenedError, wait_until


def test_the_first_true_answer_is_returned() -> None:
    answers = iter([None, "", "ready"])
    assert wait_until(lambda: next(answers), 10, "ready") == "ready"


def test_what_is_already_true_needs_no_time() -> None:
    assert wait_until(lambda: True, 0, "true")


def test_the_deadline_says_what_never_came_and_how_it_stood_at_the_end() -> None:
    looks = count()
    with pytest.raises(NeverHappenedError, match=r"not within 0 s: pods ready, looked 1 times"):
        wait_until(lambda: next(looks) < 0, 0, lambda: f"pods ready, looked {next(looks)} times")


def test_an_error_of_the_condition_is_not_hidden() -> None:
    def broken() -> bool:
        raise ValueError("the question itself is wrong")

    with pytest.raises(ValueError, match="the question itself"):
        wait_until(broken, 10, "never asked twice")
