"""The kstatus package concludes from a status what the Ready table says it should."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from plimsoll.api.conditions import Condition, Statement, set_condition
from plimsoll.api.reasons import Reason
from plimsoll.api.status import ModelConfigStatus
from tests.support.kstatus import Kstatus
from tests.support.model_configs import base, model_config
from tests.support.ready_table import NOTHING_YET, READY_TABLE, SERVED, USER_MUST_ACT, Row

Object = dict[str, Any]

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def judged(row: Row, generation: int = 3, observed: int = 3) -> Object:
    """A ModelConfig whose status says what the row says."""
    conditions: tuple[Condition, ...] = ()
    for kind, status in row.conditions.items():
        if status is not None:
            statement = Statement(kind, "True" if status == "True" else "False", Reason.SERVING, "said by a test")
            conditions = set_condition(conditions, statement, observed, NOW)
    made = model_config(base("hosted"))
    made["metadata"]["generation"] = generation
    status_model = ModelConfigStatus(observed_generation=observed, conditions=conditions)
    made["status"] = status_model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return made


@pytest.mark.parametrize("row", READY_TABLE, ids=lambda row: row.state)
def test_kstatus_concludes_what_the_ready_table_says(kstatus: Kstatus, row: Row) -> None:
    assert row.differences(judged(row)) == []
    assert kstatus.verdict(judged(row)).status == row.kstatus


def test_a_status_of_an_older_generation_is_in_progress_whatever_it_says(kstatus: Kstatus) -> None:
    stale = [judged(row, generation=4, observed=3) for row in READY_TABLE]
    assert {verdict.status for verdict in kstatus.verdicts(stale)} == {"InProgress"}


def test_an_object_that_is_being_deleted_is_terminating(kstatus: Kstatus) -> None:
    leaving = judged(SERVED)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert kstatus.verdict(leaving).status == "Terminating"


def test_several_objects_are_answered_in_their_order(kstatus: Kstatus) -> None:
    rows = [SERVED, NOTHING_YET, USER_MUST_ACT]
    assert [verdict.status for verdict in kstatus.verdicts([judged(row) for row in rows])] == [
        row.kstatus for row in rows
    ]


def test_the_message_of_the_condition_comes_along(kstatus: Kstatus) -> None:
    assert "said by a test" in kstatus.verdict(judged(USER_MUST_ACT)).message


def test_what_is_no_object_is_refused_in_words(kstatus: Kstatus) -> None:
    with pytest.raises(AssertionError, match="reading an object"):
        kstatus.verdict({"metadata": {}})


def test_a_row_says_where_a_status_departs_from_it() -> None:
    assert SERVED.differences(judged(NOTHING_YET)) == [
        "Ready is False and should be True",
        "Available is False and should be True",
        "Reconciling is True and should be absent",
    ]
