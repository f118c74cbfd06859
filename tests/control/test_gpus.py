"""A pod that asks for a GPU runs only where one is, and waits in clear words where none is."""

from __future__ import annotations

from tests.support.kube import Kube, Object
from tests.support.objects import GPU, asking_for_gpus, on_node, pod
from tests.support.pods import unschedulable

IMAGE = "example.invalid/model:1"
_SECONDS = 30


def _gpus(node: Object) -> int:
    return int(node["status"]["allocatable"].get(GPU, 0))


def test_a_pod_that_asks_for_a_gpu_is_placed_on_a_node_that_has_one(kube: Kube, namespace: str) -> None:
    nodes = {node["metadata"]["name"]: _gpus(node) for node in kube.list("v1", "Node")}
    assert 0 in nodes.values(), "a tier in which every node has a GPU proves nothing"
    wanted = asking_for_gpus(pod(namespace, "model", IMAGE), 1)
    kube.create(wanted)
    placed = kube.wait(wanted, lambda found: "nodeName" in found["spec"], _SECONDS, "the pod is placed")
    assert nodes[placed["spec"]["nodeName"]] >= 1


def test_a_pod_bound_to_nodes_without_a_gpu_stays_pending_and_says_why(kube: Kube, namespace: str) -> None:
    bare = next(node for node in kube.list("v1", "Node") if _gpus(node) == 0)
    wanted = on_node(asking_for_gpus(pod(namespace, "model", IMAGE), 1), bare["metadata"]["name"])
    kube.create(wanted)
    waiting = kube.wait(wanted, lambda found: bool(unschedulable(found)), _SECONDS, "the scheduler gives its reason")
    assert f"Insufficient {GPU}" in unschedulable(waiting)
    assert "nodeName" not in waiting["spec"]


def test_a_pod_that_asks_for_more_gpus_than_any_node_has_stays_pending(kube: Kube, namespace: str) -> None:
    most = max(_gpus(node) for node in kube.list("v1", "Node"))
    wanted = asking_for_gpus(pod(namespace, "model", IMAGE), most + 1)
    kube.create(wanted)
    waiting = kube.wait(wanted, lambda found: bool(unschedulable(found)), _SECONDS, "the scheduler gives its reason")
    assert f"Insufficient {GPU}" in unschedulable(waiting)
