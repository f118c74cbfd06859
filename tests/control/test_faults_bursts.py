"""Edits that come fast, edits that change nothing, restarts: what each of them makes, and what it does not."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial

import pytest

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from tests.support.api_journal import told
from tests.support.bulk import bulk, create_all
from tests.support.form import Form
from tests.support.kube import Object
from tests.support.lives import Life
from tests.support.serving import SECONDS, served
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

_EDITS = 50
_OTHER_DEFAULTS = {
    "images": {"plimsoll": "example.invalid/plimsoll:2", "llamacpp": "example.invalid/engine:2"},
    "profiles": [{"name": "cpu", "cpu": "70m"}],
}


def _contexts(count: int) -> Sequence[int]:
    """Values of a field that changes the pods, none of them the default."""
    return range(256, 256 + count)


@pytest.mark.long
def test_fifty_edits_that_were_seen_one_by_one_have_fifty_numbers(life: Life) -> None:
    life.begin(configuration={"history": 2 * _EDITS})
    for number, context in enumerate(_contexts(_EDITS), start=2):
        life.edit({"context": context})
        wait_until(partial(_knows, life, number), SECONDS, f"revision {number}")
    accepted = {number: each["data"]["spec"].get("context") for number, each in life.revisions.items()}
    assert accepted == {1: None, **dict(enumerate(_contexts(_EDITS), start=2))}
    life.served(_EDITS + 1)
    assert life.status["currentRevision"]["number"] == _EDITS + 1


def _knows(life: Life, number: int) -> bool:
    return bool(life.status.get("latestRevision") == number)


@pytest.mark.long
def test_of_fifty_edits_at_once_the_last_is_served_and_three_workloads_are_started_at_most(life: Life) -> None:
    life.begin()
    began = time.monotonic()
    for context in _contexts(_EDITS):
        life.edit({"context": context})
    took = time.monotonic() - began
    life.served(_EDITS + 1)
    [workload] = life.workloads.values()
    assert f"--context={_contexts(_EDITS)[-1]}" in _arguments(workload)
    before, *started = life.started()
    assert started
    # Three for a second. A slower machine takes longer for its edits, and one more may start in each further second.
    assert len(started) <= 2 + math.ceil(took), (took, before, started)


def _arguments(workload: Object) -> list[str]:
    containers = workload["spec"]["template"]["spec"]["containers"]
    return [word for each in containers if each["name"] == "engine" for word in each.get("args", [])]


@pytest.mark.long
def test_what_changes_no_answer_makes_no_revision_and_restarts_no_pod(life: Life) -> None:
    operator = life.begin({"resources": {"limits": {"memory": "1Gi"}}})
    pods = life.pods().keys()
    life.edit({"resources": {"limits": {"memory": "1024Mi"}}})
    life.kube.merge(life.config, {"metadata": {"labels": {"team": "blue"}, "annotations": {"note": "hello"}}})
    life.served(2)
    life.edit({"scaling": {"replicas": 3}})
    wait_until(lambda: len(life.pods()) == 3, SECONDS, "three pods")
    three = life.pods().keys()
    assert pods < three
    life.edit({"scaling": {"replicas": 1}})
    wait_until(lambda: len(life.pods()) == 1, SECONDS, "one pod")
    operator.rest()
    # Which of pods of nearly the same age stays is chance: the ReplicaSet controller goes by logarithms of ages.
    assert life.pods().keys() < three
    assert list(life.revisions) == [1]
    assert len(life.started()) == 1


@pytest.mark.long
def test_a_restart_with_other_defaults_makes_no_revision_and_restarts_no_pod(life: Life) -> None:
    first = life.begin()
    pods, [workload] = life.pods().keys(), life.workloads.values()
    assert first.process.end() == 0
    second = life.operators.start("second", configuration=_OTHER_DEFAULTS)
    words = life.says("DefaultsChanged", "True", Reason.DEFAULTS_DIFFER)
    assert "example.invalid/engine:2" in words
    second.rest()
    assert life.pods().keys() == pods
    assert list(life.revisions) == [1]
    assert [each["spec"] for each in life.workloads.values()] == [workload["spec"]]
    # What is told as coming with the next edit does come with it.
    life.edit({"context": 512})
    life.served(2)
    [workload] = life.workloads.values()
    assert workload["spec"]["template"]["spec"]["containers"][0]["image"] == "example.invalid/engine:2"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_o18_a_restart_among_many_models_writes_nothing(
    cluster: ProcessCluster, life: Life, weights: str, form: Form
) -> None:
    count = form.count(small=50, large=1000)
    operator = life.operators.start()
    create_all(cluster.kubeconfig, bulk(count, life.namespace, weights))

    def all_served() -> bool:
        # Looking at a thousand is work for the server too, so not before there may be something to see.
        operator.rest(seconds=SECONDS + count)
        return all(map(served(1), life.kube.list(names.API_VERSION, names.KIND, life.namespace)))

    wait_until(all_served, SECONDS + count, f"{count} models are served")
    assert operator.process.end() == 0
    operator.proxy.journal.restart()
    operator.start()
    operator.rest(quiet=3.0, seconds=SECONDS + count)
    assert operator.process.metric("plimsoll_operator_reconcile_total") >= count
    assert operator.proxy.journal.writes() == [], told(operator.proxy.journal.writes())
