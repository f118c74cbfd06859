"""A status that breaks one of the conventions is noticed, and a good one is not."""

from __future__ import annotations

import copy
import json

import pytest

from tests.support.api_calls import Call
from tests.support.kube import Object
from tests.support.status_conventions import StatusWatch, in_itself, since

T1, T2 = "2026-11-21T10:00:00Z", "2026-11-21T10:00:05Z"


def condition(kind: str, status: str, reason: str, at: str = T1) -> Object:
    said = {"type": kind, "status": status, "reason": reason, "message": "Words.", "observedGeneration": 2}
    return {**said, "lastTransitionTime": at}


GOOD: Object = {
    "observedGeneration": 2,
    "latestRevision": 3,
    "conditions": [
        condition("Accepted", "True", "Accepted"),
        condition("Available", "False", "Loading"),
        condition("Ready", "False", "Loading"),
        condition("Reconciling", "True", "Loading"),
    ],
}


def with_condition(number: int, **changes: object) -> Object:
    made = copy.deepcopy(GOOD)
    made["conditions"][number] |= changes
    return made


def with_more(*conditions: Object, **changes: object) -> Object:
    return {**GOOD, "conditions": [*GOOD["conditions"], *conditions], **changes}


def test_a_good_status_is_one_in_itself_and_after_itself() -> None:
    assert list(in_itself(GOOD, 2)) == []
    assert list(since(GOOD, GOOD)) == []
    assert list(since({}, GOOD)) == []


@pytest.mark.parametrize(
    "bad",
    [
        with_more(condition("Ready", "True", "Serving")),
        with_more(condition("Happy", "True", "Serving")),
        with_more(condition("Stalled", "True", "CrashLoop")),
        with_more(latestRevision=None),
        with_more(observedGeneration=3),
        with_more(observedGeneration=0),
        {**GOOD, "conditions": GOOD["conditions"][1:]},
        {**GOOD, "conditions": GOOD["conditions"][:3]},
        with_condition(2, reason="loading"),
        with_condition(2, reason="Whatever"),
        with_condition(2, message=""),
        with_condition(2, observedGeneration=1),
        with_condition(3, status="False"),
        with_condition(2, status="True", reason="Serving"),
        with_condition(2, status="Perhaps"),
    ],
)
def test_what_breaks_a_convention_is_told(bad: Object) -> None:
    assert list(in_itself(bad, 2)) != []


@pytest.mark.parametrize(
    "after",
    [
        with_more(observedGeneration=1),
        with_more(latestRevision=2),
        with_condition(2, lastTransitionTime=T2),
        with_condition(2, status="True", lastTransitionTime="2026-11-21T09:00:00Z"),
    ],
)
def test_what_goes_back_or_moves_without_a_reason_is_told(after: Object) -> None:
    assert list(since(GOOD, after)) != []


def test_a_statement_that_turns_takes_the_time_of_its_turn() -> None:
    assert list(since(GOOD, with_condition(2, status="True", lastTransitionTime=T2))) == []


def answered(watch: StatusWatch, version: str, *, resource: str = "modelconfigs/status", code: int = 200) -> None:
    metadata = {"uid": "u", "name": "chat", "generation": 2, "resourceVersion": version}
    content = json.dumps({"metadata": metadata, "status": {} if version == "bad" else GOOD}).encode()
    watch.answered(Call("PATCH", "/", resource=resource), code, content)


def test_only_accepted_writes_of_a_status_are_judged() -> None:
    watch = StatusWatch()
    answered(watch, "bad", resource="deployments")
    answered(watch, "bad", code=409)
    assert watch.broken == []
    answered(watch, "bad")
    assert watch.broken != []


def test_a_write_that_changes_nothing_is_told() -> None:
    watch = StatusWatch()
    answered(watch, "7")
    answered(watch, "8")
    assert watch.broken == []
    answered(watch, "8")
    assert len(watch.broken) == 1
