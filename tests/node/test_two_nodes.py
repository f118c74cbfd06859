"""Two nodes: pods spread, traffic crosses, and a drained node's pods come up on the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import objects, pods
from tests.support.kube import Kube, Object
from tests.support.objects import GPU
from tools.cluster.cluster import ProcessCluster

NODES = ("node-1", "node-2")


def _node_of(pod: Object) -> str:
    return str(pod["spec"]["nodeName"])


def _spread(deployment: Object) -> Object:
    name = deployment["metadata"]["name"]
    deployment["spec"]["template"]["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": name}},
        }
    ]
    return deployment


@pytest.fixture
def drained(cluster: ProcessCluster) -> Iterator[str]:
    """The second node after `kubectl drain`; it takes pods again afterwards."""
    cluster.kubectl("drain", NODES[1], "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s")
    yield NODES[1]
    cluster.kubectl("uncordon", NODES[1])


def test_replicas_spread_over_the_nodes(kube: Kube, namespace: str, image: str) -> None:
    replicas = pods.start_replicas(kube, _spread(objects.deployment(namespace, "web", image, replicas=4)))
    assert sorted(_node_of(pod) for pod in replicas) == [NODES[0], NODES[0], NODES[1], NODES[1]]


@pytest.mark.parametrize("way", [NODES, NODES[::-1]], ids=["there", "and-back"])
def test_pods_call_a_pod_on_the_other_node_by_address_and_by_service(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str, way: tuple[str, str]
) -> None:
    here, there = way
    kube.create(objects.service(namespace, "web"))
    server = pods.start(kube, objects.on_node(objects.server(namespace, "web", image), there))
    caller = pods.caller(kube, namespace, image, node=here)
    assert (_node_of(caller), _node_of(server)) == (here, there)
    assert pods.call(cluster, caller, f"http://{server['status']['podIP']}:8080/") == "web"
    assert pods.call(cluster, caller, "http://web/") == "web"


def test_the_pods_of_a_drained_node_come_up_on_the_other(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str, request: pytest.FixtureRequest
) -> None:
    wanted = _spread(objects.deployment(namespace, "web", image, replicas=2))
    before = pods.start_replicas(kube, wanted)
    assert {_node_of(pod) for pod in before} == set(NODES)
    drained = request.getfixturevalue("drained")
    after = pods.ready_replicas(kube, wanted)
    assert drained not in {_node_of(pod) for pod in after}
    stayed = {pod["metadata"]["name"] for pod in before if _node_of(pod) != drained}
    assert stayed < {pod["metadata"]["name"] for pod in after}


def test_a_pod_that_asks_for_a_gpu_runs_on_the_node_that_pretends_to_have_one(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    wanted = objects.asking_for_gpus(objects.server(namespace, "model", image), 1)
    kube.create(wanted)
    waiting = kube.wait(wanted, lambda found: bool(pods.unschedulable(found)), 30, "the scheduler gives its reason")
    assert f"Insufficient {GPU}" in pods.unschedulable(waiting)
    cluster.pretend_gpus(NODES[1], 1)
    try:
        placed = kube.wait(wanted, pods.ready, pods.START_SECONDS, "the pod is ready")
        assert _node_of(placed) == NODES[1]
    finally:
        cluster.pretend_gpus(NODES[1], 0)
