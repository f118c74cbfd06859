"""O-22: going back to a revision brings back the very pods that it had, whatever the operator's defaults are by now."""

from __future__ import annotations

import json
from functools import partial

import pytest

from plimsoll.api.reasons import Reason
from tests.support.kube import Object
from tests.support.lives import Life
from tests.support.serving import SECONDS
from tests.support.waiting import wait_until

_NEWER_DEFAULTS = {"images": {"plimsoll": "example.invalid/plimsoll:2", "llamacpp": "example.invalid/engine:2"}}
_FIRST, _SECOND = {"context": 512}, {"context": 1024}


def _rendered(life: Life) -> dict[str, str]:
    """The template of each workload, to the last byte, and what Kubernetes makes of it."""
    return {short: json.dumps(each["spec"]["template"], sort_keys=True) for short, each in life.workloads.items()}


def _template_hashes(life: Life) -> set[str]:
    return {each["metadata"]["labels"]["pod-template-hash"] for each in life.pods(life.serving).values()}


def _has(life: Life, number: int) -> bool:
    return number in life.revisions


def _current(status: Object) -> int:
    return int(status["currentRevision"]["number"])


@pytest.mark.long
def test_o22_an_old_spec_is_a_new_revision_with_the_very_pods_that_it_had(life: Life) -> None:
    operator = life.begin(_FIRST)
    first, hashes, spec = _rendered(life), _template_hashes(life), life.read()["spec"]
    life.served(life.edit(_SECOND))
    assert _rendered(life) != first
    assert operator.process.end() == 0
    life.operators.start("second", configuration=_NEWER_DEFAULTS)
    life.served(life.declare(spec))
    assert _rendered(life) == first
    assert _template_hashes(life) == hashes
    assert list(life.revisions) == [1, 2, 3]
    assert _current(life.status) == 3


@pytest.mark.long
def test_o22_a_pin_brings_back_the_very_pods_and_without_it_the_newest_serves_again(life: Life) -> None:
    operator = life.begin(_FIRST)
    first, hashes = _rendered(life), _template_hashes(life)
    life.served(life.edit(_SECOND))
    second = _rendered(life)
    assert operator.process.end() == 0
    life.operators.start("second", configuration=_NEWER_DEFAULTS)
    life.served(life.edit({"pinRevision": 1}))
    assert (_rendered(life), _template_hashes(life), _current(life.status)) == (first, hashes, 1)
    life.served(life.edit({"pinRevision": None}))
    assert (_rendered(life), _current(life.status)) == (second, 2)
    assert list(life.revisions) == [1, 2]


@pytest.mark.long
def test_o22_edits_beside_a_pin_are_recorded_and_serve_nobody_until_it_is_gone(life: Life) -> None:
    operator = life.begin(_FIRST)
    pods = life.pods().keys()
    life.edit({"pinRevision": 1})
    generation = life.edit(_SECOND)
    wait_until(lambda: life.status.get("latestRevision") == 2, SECONDS, "the edit has a number")
    life.served(generation)
    operator.rest()
    assert (life.pods().keys(), _current(life.status)) == (pods, 1)
    life.served(life.edit({"pinRevision": None}))
    assert _current(life.status) == 2


@pytest.mark.long
def test_a_pin_to_a_revision_that_is_not_there_moves_nobody_and_names_those_that_are(life: Life) -> None:
    operator = life.begin(_FIRST)
    pods = life.pods().keys()
    life.edit({"pinRevision": 7})
    words = life.says("Ready", "False", Reason.REVISION_MISSING)
    assert "spec.pinRevision is 7, and the history has 1" in words
    assert life.condition("Available")["status"] == "True"
    operator.rest()
    assert life.pods().keys() == pods
    life.served(life.edit({"pinRevision": None}))
    assert life.pods().keys() == pods


@pytest.mark.long
def test_a_full_history_keeps_what_serves_and_what_is_pinned(life: Life) -> None:
    operator = life.begin(_FIRST, configuration={"history": 2})
    life.edit({"pinRevision": 1})
    for number in range(2, 7):
        life.edit({"generation": {"defaults": {"temperature": number / 10}}})
        wait_until(partial(_has, life, number), SECONDS, f"revision {number}")
    operator.rest()
    assert list(life.revisions) == [1, 6]
    assert _current(life.status) == 1
    life.served(life.edit({"pinRevision": None}))
    operator.rest()
    assert list(life.revisions) == [1, 6], "the last good one stays"
    assert _current(life.status) == 6
    life.served(life.edit({"generation": None}))
    wait_until(lambda: list(life.revisions) == [6, 7], SECONDS, lambda: f"the oldest is gone: {list(life.revisions)}")
