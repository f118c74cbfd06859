"""O-13: whatever somebody deletes or edits of a model is soon as it was, and an Event tells of it."""

from __future__ import annotations

import copy

import pytest

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from tests.support.detours import children_of
from tests.support.kube import Object
from tests.support.lives import Life
from tests.support.waiting import wait_until

# O-13 allows ten seconds on a machine that has others to serve too; the figure is in the bench.
_SECONDS = 10.0
_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
_BUDGET = ("policy/v1", "PodDisruptionBudget")
_DEPLOYMENT = ("apps/v1", "Deployment")

# What somebody who knows better would change, by kind.
_EDITS: dict[tuple[str, str], Object] = {
    ("v1", "ServiceAccount"): {"automountServiceAccountToken": True},
    ("v1", "Service"): {"spec": {"ports": [{"name": "http", "port": 8080, "targetPort": 9999, "protocol": "TCP"}]}},
    _BUDGET: {"spec": {"maxUnavailable": 3}},
    _POLICY: {"spec": {"ingress": [{}]}},
    _DEPLOYMENT: {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 77}}}},
}


def _child(life: Life, kind: tuple[str, str]) -> Object:
    [workload] = life.workloads.values()
    return life.named(*kind, workload["metadata"]["name"] if kind == _DEPLOYMENT else "")


def _told(life: Life) -> list[str]:
    events = life.kube.list("v1", "Event", life.namespace)
    return [each["message"] for each in events if each["reason"] == Reason.RESTORED]


@pytest.mark.long
def test_o13_every_kind_that_was_edited_is_as_it_was(life: Life) -> None:
    operator = life.begin()
    before = children_of(life.kube, life.namespace)
    for kind in _EDITS:
        _edit_and_wait(life, kind)
    operator.rest()
    assert before.differences(children_of(life.kube, life.namespace)) == []


def _edit_and_wait(life: Life, kind: tuple[str, str]) -> None:
    child = _child(life, kind)
    wanted = _without_metadata(life.kube.read(child))
    edited = life.kube.merge(child, copy.deepcopy(_EDITS[kind]))
    assert _without_metadata(edited) != wanted, f"{kind[1]}: this edit changes nothing"
    life.kube.wait(child, lambda found: _without_metadata(found) == wanted, _SECONDS, f"{kind[1]} is as it was")
    words = f"{kind[1]} {child['metadata']['name']} was changed by hand and is put right."
    wait_until(lambda: words in _told(life), _SECONDS, lambda: f"it is told: {_told(life)}")


def _without_metadata(found: Object) -> Object:
    return {key: value for key, value in found.items() if key not in ("metadata", "status")}


@pytest.mark.long
def test_o13_a_deleted_workload_is_there_again_and_serves(life: Life) -> None:
    life.begin()
    before = life.serving
    child = _child(life, _DEPLOYMENT)
    uid = life.kube.read(child)["metadata"]["uid"]
    life.kube.delete(child)
    life.kube.wait(child, lambda found: found["metadata"]["uid"] != uid, _SECONDS, "the Deployment is there again")
    life.served()
    assert life.serving == before
    assert list(life.revisions) == [1]
    name = child["metadata"]["name"]
    assert f"Deployment {name} was deleted and is made again." in _told(life)


@pytest.mark.long
def test_o13_a_deleted_pod_is_replaced_and_nothing_is_written_about_it_that_is_not_true(life: Life) -> None:
    life.begin({"scaling": {"replicas": 2}})
    [gone, stays] = life.pods().values()
    life.kube.delete(gone)
    wait_until(lambda: len(life.pods()) == 2 and gone["metadata"]["uid"] not in life.pods(), _SECONDS, "another one")
    life.served()
    assert stays["metadata"]["uid"] in life.pods()
    assert life.started() == [_child(life, _DEPLOYMENT)["metadata"]["name"]]


@pytest.mark.long
def test_o13_without_its_history_a_model_keeps_its_pods_and_reuses_no_number(life: Life) -> None:
    operator = life.begin()
    pods = life.pods().keys()
    [revision] = life.revisions.values()
    life.kube.delete(revision)
    wait_until(lambda: list(life.revisions) == [2], _SECONDS, lambda: f"it is recorded again: {list(life.revisions)}")
    life.served()
    operator.rest()
    assert life.pods().keys() == pods
    assert life.status["latestRevision"] == 2


@pytest.mark.long
def test_o13_what_others_add_to_a_child_stays_and_is_no_reason_to_write(life: Life) -> None:
    operator = life.begin()
    operator.proxy.journal.restart()
    for kind in _EDITS:
        life.kube.merge(_child(life, kind), {"metadata": {"annotations": {"example.com/note": "mine"}}})
    operator.rest(quiet=3.0)
    assert operator.proxy.journal.writes() == []
    assert names.ANNOTATION_INTENT in life.kube.read(_child(life, _DEPLOYMENT))["metadata"]["annotations"]
