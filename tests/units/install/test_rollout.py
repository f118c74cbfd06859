"""Whether the operator came up, as its Deployment and its pods tell it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.said_kubectl import SaidKubectl
from tools.install import rollout
from tools.install.errors import InstallError

Object = dict[str, Any]


def deployment(**status: Any) -> Object:
    return {"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status}


def pod(
    waiting: Object | None = None, last: str = "", conditions: list[Object] | None = None, **metadata: Any
) -> Object:
    container: Object = {"state": {"waiting": waiting} if waiting else {"running": {}}}
    if last:
        container["lastState"] = {"terminated": {"message": last}}
    status = {"containerStatuses": [container], "conditions": conditions or []}
    return {"metadata": {"name": "plimsoll-operator-x", **metadata}, "status": status}


def cluster(found: Object, *pods: Object) -> SaidKubectl:
    return SaidKubectl({"get deployment plimsoll-operator": found, "get pods": {"items": list(pods)}})


READY = deployment(observedGeneration=2, replicas=1, updatedReplicas=1, availableReplicas=1)


def test_it_is_up_when_every_replica_of_the_newest_template_is_available() -> None:
    rollout.wait(cluster(READY), seconds=0)


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1},
        {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1},
        {},
    ],
    ids=["an older template", "an old pod is left", "not available", "nobody has looked at it"],
)
def test_it_is_not_up_before(status: Object) -> None:
    assert not rollout.complete(deployment(**status))


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"])
def test_an_image_that_does_not_come_ends_the_wait_at_once_and_names_the_way_out(reason: str) -> None:
    stuck = pod({"reason": reason, "message": "no such image"})
    with pytest.raises(InstallError, match=r"no such image; load it .* or push it and name it with --image"):
        rollout.wait(cluster(deployment(), stuck), seconds=60)


def test_an_operator_that_ends_again_and_again_is_told_with_its_last_words() -> None:
    crashing = pod({"reason": "CrashLoopBackOff", "message": "back-off 10s"}, last="line\nplimsoll: no such file")
    with pytest.raises(InstallError, match=r"ends again and again: back-off 10s\nline\nplimsoll: no such file"):
        rollout.wait(cluster(deployment(), crashing), seconds=60)


def test_trouble_of_a_pod_that_is_going_is_none() -> None:
    going = pod({"reason": "CrashLoopBackOff"}, deletionTimestamp="2026-11-21T00:00:00Z")
    with pytest.raises(InstallError, match="is not ready after 0 s: it has no pod"):
        rollout.wait(cluster(deployment(), going), seconds=0)


def test_a_pod_that_is_refused_is_told_in_the_words_of_who_refused_it() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    with pytest.raises(InstallError, match="its pod is refused: exceeded quota: small"):
        rollout.wait(cluster(deployment(conditions=[refused])), seconds=0)


def test_a_pod_without_a_node_is_told_in_the_words_of_the_scheduler() -> None:
    nowhere = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    with pytest.raises(InstallError, match="no node takes its pod: 0/1 nodes are available"):
        rollout.wait(cluster(deployment(), pod(conditions=[nowhere])), seconds=0)


def test_else_the_commands_that_say_more_are_named() -> None:
    with pytest.raises(InstallError, match="describe pod plimsoll-operator-x"):
        rollout.wait(cluster(deployment(), pod()), seconds=0)
