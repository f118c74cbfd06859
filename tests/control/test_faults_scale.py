"""Replicas in other hands: `kubectl scale`, an autoscaler that reads the selector, and a model that goes mid-way."""

from __future__ import annotations

import pytest

from plimsoll.api import names
from tests.support.detours import children_of
from tests.support.kube import Object
from tests.support.lives import Life
from tests.support.model_configs import merged
from tests.support.serving import SECONDS
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

_NOWHERE = {"podTemplate": {"spec": {"nodeSelector": {"no": "node"}}}}


def _scale(cluster: ProcessCluster, life: Life, replicas: int) -> None:
    name = f"modelconfig/{life.config['metadata']['name']}"
    cluster.kubectl("scale", "--namespace", life.namespace, f"--replicas={replicas}", name)


def _counted(life: Life) -> tuple[int, int]:
    return life.status.get("replicas", 0), life.status.get("readyReplicas", 0)


@pytest.mark.long
def test_o12_kubectl_scale_changes_how_many_and_never_which_also_to_zero_and_back(
    cluster: ProcessCluster, life: Life
) -> None:
    operator = life.begin()
    [pod], [workload] = life.pods(), life.workloads
    _scale(cluster, life, 3)
    wait_until(lambda: _counted(life) == (3, 3), SECONDS, lambda: f"three: {life.status}")
    assert pod in life.pods()
    _scale(cluster, life, 0)
    assert "0 replicas" in life.says("Ready", "True", "AtZero")
    wait_until(lambda: not life.pods(), SECONDS, "no pod is left")
    _scale(cluster, life, 1)
    life.says("Ready", "True", "Serving")
    operator.rest()
    assert list(life.workloads) == [workload]
    assert life.serving == workload
    assert list(life.revisions) == [1]


def _autoscaler(life: Life) -> Object:
    target = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": life.config["metadata"]["name"]}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4}
    wanted = life.named("autoscaling/v2", "HorizontalPodAutoscaler")
    return {**wanted, "spec": {**spec, "metrics": [{"type": "Resource", "resource": cpu}]}}


@pytest.mark.long
def test_o12_an_autoscaler_finds_the_pods_by_the_selector_and_sets_its_minimum(life: Life) -> None:
    life.begin()
    scaler = life.kube.create(_autoscaler(life))

    def said(kind: str) -> str:
        found = life.kube.read(scaler).get("status", {}).get("conditions", [])
        return next((str(each["reason"]) for each in found if each["type"] == kind), "")

    wait_until(lambda: _counted(life) == (2, 2), SECONDS, lambda: f"two: {life.kube.read(scaler)}")
    # It asks for figures of the pods that it has found, and this cluster has nobody who measures.
    wait_until(lambda: said("ScalingActive") == "FailedGetResourceMetric", SECONDS, lambda: said("ScalingActive"))
    assert said("AbleToScale") in ("SucceededGetScale", "SucceededRescale")
    found = life.kube.list("v1", "Pod", life.namespace, life.status["selector"])
    assert {each["metadata"]["uid"] for each in found} == life.pods(life.serving).keys()
    assert len(found) == 2


@pytest.mark.long
def test_the_selector_counts_what_takes_calls_and_not_what_only_waits(life: Life) -> None:
    life.begin({"scaling": {"replicas": 2}})
    serving = life.serving
    life.edit(_NOWHERE)
    wait_until(lambda: len(life.pods()) == 4, SECONDS, "the new revision has its pods")
    life.says("Ready", "False")
    found = life.kube.list("v1", "Pod", life.namespace, life.status["selector"])
    assert {each["metadata"]["uid"] for each in found} == life.pods(serving).keys()
    assert _counted(life) == (2, 2)


@pytest.mark.long
def test_o14_a_model_that_is_deleted_between_two_revisions_leaves_nothing(life: Life) -> None:
    life.begin()
    life.edit(_NOWHERE)
    wait_until(lambda: len(life.workloads) == 2, SECONDS, "two workloads")
    life.kube.delete(life.config)
    wait_until(lambda: not children_of(life.kube, life.namespace).things, SECONDS, "all its children are gone")
    wait_until(lambda: not life.pods() and not life.revisions, SECONDS, "pods and revisions too")
    # Its name is free for another life, which knows nothing of this one.
    life.kube.create({**life.config, "spec": merged(life.config["spec"], {"context": 512})})
    life.served()
    assert list(life.revisions) == [1]


@pytest.mark.long
def test_a_pinned_revision_beside_a_newer_one_is_all_that_runs(life: Life) -> None:
    operator = life.begin()
    first = life.serving
    life.edit({"pinRevision": 1, "context": 512})
    wait_until(lambda: life.status.get("latestRevision") == 2, SECONDS, "the newer one is recorded")
    operator.rest()
    assert list(life.workloads) == [first]
    assert life.started() == [f"m-{first}"]
