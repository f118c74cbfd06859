"""Controllers, scheduler and kwok nodes together: declared replicas become ready pods."""

from __future__ import annotations

from tests.support import objects
from tests.support.form import Form
from tests.support.kube import Kube, Object
from tests.support.objects import config_map, deployment

# Nobody pulls an image on a node that is not there.
IMAGE = "example.invalid/model:1"
_SECONDS = 60


def _ready(count: int, found: Object) -> bool:
    return bool(found.get("status", {}).get("readyReplicas", 0) == count)


def test_a_deployment_becomes_ready_pods_on_kwok_nodes(kube: Kube, namespace: str, form: Form) -> None:
    count = form.count(small=5, large=200)
    wanted = deployment(namespace, "model", IMAGE, replicas=count)
    kube.create(wanted)
    kube.wait(wanted, lambda found: _ready(count, found), _SECONDS, f"{count} ready replicas")
    nodes = {node["metadata"]["name"] for node in kube.list("v1", "Node")}
    placed = [pod["spec"]["nodeName"] for pod in kube.list("v1", "Pod", namespace, labels="app=model")]
    assert len(placed) == count
    assert set(placed) <= nodes


def test_a_scaled_down_deployment_keeps_only_the_declared_pods(kube: Kube, namespace: str) -> None:
    wanted = deployment(namespace, "model", IMAGE, replicas=4)
    kube.create(wanted)
    kube.wait(wanted, lambda found: _ready(4, found), _SECONDS, "4 ready replicas")
    kube.merge(wanted, {"spec": {"replicas": 1}})
    kube.wait(wanted, lambda found: found["status"].get("replicas") == 1, _SECONDS, "1 replica")


def test_a_deleted_namespace_takes_everything_in_it_along(kube: Kube, namespace: str) -> None:
    doomed = kube.create(objects.namespace(f"{namespace}-doomed"))
    name = doomed["metadata"]["name"]
    wanted = deployment(name, "model", IMAGE, replicas=2)
    kube.create(wanted)
    kube.create(config_map(name, "settings"))
    kube.wait(wanted, lambda found: _ready(2, found), _SECONDS, "2 ready replicas")
    kube.delete(doomed)
    kube.wait_gone(doomed, _SECONDS)
    assert kube.list("v1", "Pod", name) == []
    assert kube.find(config_map(name, "settings")) is None
