"""Conditions keep to the conventions of Kubernetes, and every reason has a meaning and a fix."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api.conditions import Condition, ConditionType, Statement, Status, set_condition, without_condition
from plimsoll.api.reasons import Reason

NOW = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def ready(status: Status, reason: Reason = Reason.SERVING, message: str = "") -> Statement:
    return Statement(ConditionType.READY, status, reason, message)


def test_a_first_statement_takes_the_time_of_now_in_whole_seconds() -> None:
    (condition,) = set_condition((), ready("True"), 3, NOW)
    assert (condition.type, condition.status, condition.reason) == ("Ready", "True", "Serving")
    assert condition.observed_generation == 3
    assert condition.last_transition_time == NOW.replace(microsecond=0)


def test_the_time_moves_only_when_the_status_does() -> None:
    before = set_condition((), ready("False", Reason.LOADING), 1, NOW)
    (same,) = set_condition(before, ready("False", Reason.OUT_OF_MEMORY, "killed"), 2, LATER)
    assert same.last_transition_time == NOW.replace(microsecond=0)
    assert (same.reason, same.message, same.observed_generation) == ("OutOfMemory", "killed", 2)
    (moved,) = set_condition(before, ready("True"), 2, LATER)
    assert moved.last_transition_time == LATER.replace(microsecond=0)


def test_saying_the_same_again_changes_nothing() -> None:
    before = set_condition((), ready("True"), 1, NOW)
    assert set_condition(before, ready("True"), 1, LATER) == before


def test_a_message_that_is_too_long_for_the_api_is_cut() -> None:
    (condition,) = set_condition((), ready("False", Reason.CRASH_LOOP, "x" * 5000), 1, NOW)
    assert condition.message == "x" * 4096


def test_a_condition_can_be_taken_back() -> None:
    both = set_condition(
        set_condition((), ready("True"), 1, NOW),
        Statement(ConditionType.DEGRADED, "True", Reason.FEWER_REPLICAS),
        1,
        NOW,
    )
    assert [each.type for each in both] == ["Degraded", "Ready"]
    assert [each.type for each in without_condition(both, ConditionType.DEGRADED)] == ["Ready"]


STATEMENTS = st.builds(
    Statement,
    st.sampled_from(ConditionType),
    st.sampled_from(["True", "False", "Unknown"]),
    st.sampled_from(Reason),
    st.text(max_size=20),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STATEMENTS, max_size=12))
def test_o19_after_any_statements_each_type_stands_once_and_its_time_is_that_of_its_last_turn(
    statements: list[Statement],
) -> None:
    conditions: tuple[Condition, ...] = ()
    turned: dict[str, tuple[str, datetime]] = {}
    for step, statement in enumerate(statements):
        now = NOW.replace(microsecond=0) + timedelta(seconds=step)
        conditions = set_condition(conditions, statement, step, now)
        if turned.get(statement.type, ("", now))[0] != statement.status:
            turned[statement.type] = (statement.status, now)
    assert {each.type: (each.status, each.last_transition_time) for each in conditions} == turned
    assert [each.type for each in conditions] == sorted(turned)


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_o19_a_reason_is_one_camel_case_word_with_a_meaning(reason: Reason) -> None:
    assert re.fullmatch(r"([A-Z][a-z]*)+", reason)
    assert len(reason.meaning) >= 20


@pytest.mark.parametrize("reason", [each for each in Reason if each.needs_change], ids=str)
def test_a_reason_that_no_waiting_heals_says_what_to_do(reason: Reason) -> None:
    assert len(reason.fix) >= 20


def test_reasons_have_meanings_of_their_own() -> None:
    assert len({reason.meaning for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("condition", ConditionType, ids=str)
def test_a_condition_type_says_what_it_means_when_true(condition: ConditionType) -> None:
    assert len(condition.meaning) >= 20
