"""Only what differs from the intent is written: what others add and how the server spells a value is no difference."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from plimsoll.api import names
from plimsoll.plan.difference import is_as_wanted, with_intent
from plimsoll.plan.observed import Object


def deployment() -> Object:
    engine = {
        "name": "engine",
        "image": "registry.example.com/engine:1",
        "args": ["--port", "8080"],
        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "1000m"}, "limits": {"memory": "1024Mi", "nvidia.com/gpu": 1}},
        "volumeMounts": [{"mountPath": "/models", "name": "models", "readOnly": False}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "labels": {"a": "b"}, "ownerReferences": [{"uid": "u", "controller": True}]},
        "spec": {"replicas": 0, "template": {"spec": {"automountServiceAccountToken": False, "containers": [engine]}}},
    }


def as_served(wanted: Object) -> Object:
    """As the API server returns it: defaulted, spelled its way, with what others added."""
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "d", "resourceVersion": "7"}
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    live["metadata"]["ownerReferences"].append({"uid": "other"})
    live["spec"]["progressDeadlineSeconds"] = 600
    engine = live["spec"]["template"]["spec"]["containers"][0]
    engine["resources"] = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}}
    engine["env"][1].pop("value")
    engine["env"].append({"name": "INJECTED", "value": "x"})
    engine["volumeMounts"][0].pop("readOnly")
    engine["ports"][0]["protocol"] = "TCP"
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy"})
    return live


def test_what_the_server_and_others_add_is_no_difference() -> None:
    wanted = with_intent(deployment())
    assert is_as_wanted(as_served(wanted), wanted)


CHANGES = {
    "metadata.labels.a": "c",
    f"metadata.annotations.{names.ANNOTATION_INTENT.replace('.', '~')}": "0",
    "metadata.ownerReferences.0.controller": False,
    "spec.replicas": 1,
    "spec.template.spec.automountServiceAccountToken": True,
    "spec.template.spec.containers.1.image": "registry.example.com/engine:2",
    "spec.template.spec.containers.1.args": ["--port", "8080", "--more"],
    "spec.template.spec.containers.1.env.0.value": "2",
    "spec.template.spec.containers.1.env.1": {"name": "EMPTY", "value": "full"},
    "spec.template.spec.containers.1.resources.requests.cpu": "2",
    "spec.template.spec.containers.1.resources.limits.memory": "many",
    "spec.template.spec.containers.1.volumeMounts.0.name": "elsewhere",
    "spec.template.spec.containers.1.ports.0.containerPort": 8081,
    "spec.template.spec.containers.1.name": "motor",
}


def parent(node: Any, path: str) -> tuple[Any, str | int]:
    """The part of the object that holds the field, and the field's key in it."""
    keys = [int(key) if key.isdigit() else key.replace("~", ".") for key in path.split(".")]
    for key in keys[:-1]:
        node = node[key]
    return node, keys[-1]


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_field_is_a_difference(path: str) -> None:
    wanted = with_intent(deployment())
    live = as_served(wanted)
    node, key = parent(live, path)
    node[key] = CHANGES[path]
    assert not is_as_wanted(live, wanted)


@pytest.mark.parametrize("path", ["spec.replicas", "spec.template.spec.automountServiceAccountToken"])
def test_a_false_or_a_zero_that_somebody_took_out_is_a_difference(path: str) -> None:
    wanted = with_intent(deployment())
    live = as_served(wanted)
    node, key = parent(live, path)
    del node[key]
    assert not is_as_wanted(live, wanted)


def test_a_field_that_is_wanted_no_longer_changes_the_intent() -> None:
    more = deployment()
    more["spec"]["paused"] = True
    live = as_served(with_intent(more))
    assert not is_as_wanted(live, with_intent(deployment()))


def test_the_intent_is_of_the_wanted_object_alone() -> None:
    once = with_intent(deployment())
    assert (
        once["metadata"]["annotations"][names.ANNOTATION_INTENT]
        == (with_intent(deployment())["metadata"]["annotations"][names.ANNOTATION_INTENT])
    )
    assert "annotations" not in deployment()["metadata"]


def policy(ports: list[Object]) -> Object:
    return {"metadata": {"name": "chat"}, "spec": {"ingress": [{"ports": ports, "from": [{"podSelector": {}}]}]}}


def test_a_port_that_somebody_opened_in_a_network_policy_is_a_difference() -> None:
    wanted = with_intent(policy([{"port": 8080}]))
    live = copy.deepcopy(wanted)
    assert is_as_wanted(live, wanted)
    live["spec"]["ingress"][0]["ports"].append({"port": 22})
    assert not is_as_wanted(live, wanted)


def test_a_peer_that_somebody_added_to_a_network_policy_is_a_difference() -> None:
    wanted = with_intent(policy([{"port": 8080}]))
    live = copy.deepcopy(wanted)
    live["spec"]["ingress"][0]["from"].append({"ipBlock": {"cidr": "0.0.0.0/0"}})
    assert not is_as_wanted(live, wanted)


def test_a_port_of_a_service_is_found_by_its_number() -> None:
    wanted = with_intent({"metadata": {"name": "chat"}, "spec": {"ports": [{"port": 8080, "targetPort": "http"}]}})
    live = copy.deepcopy(wanted)
    live["spec"]["ports"][0] |= {"protocol": "TCP"}
    assert is_as_wanted(live, wanted)
    live["spec"]["ports"][0]["targetPort"] = "other"
    assert not is_as_wanted(live, wanted)
