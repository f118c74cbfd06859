"""Whether operator and gateway came up, as their Deployments and their pods tell it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.said_kubectl import SaidKubectl
from tools.cluster.errors import ClusterError
from tools.cluster.progress import Silent
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


def cluster(found: Object, *pods: Object, log: str | ClusterError = "") -> SaidKubectl:
    answers = {"get deployment plimsoll-operator": found, "get pods": {"items": list(pods)}, "logs": log}
    return SaidKubectl(answers)


def wait(kubectl: SaidKubectl, seconds: float = 0) -> None:
    rollout.wait(kubectl, rollout.OPERATOR, seconds, Silent())


READY = deployment(observedGeneration=2, replicas=1, updatedReplicas=1, availableReplicas=1)


def test_it_is_up_when_every_replica_of_the_newest_template_is_available() -> None:
    wait(cluster(READY))


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
        wait(cluster(deployment(), stuck), seconds=60)


def test_an_operator_that_ends_again_and_again_is_told_with_its_last_words() -> None:
    crashing = pod({"reason": "CrashLoopBackOff", "message": "back-off 10s"}, last="line\nplimsoll: no such file")
    with pytest.raises(InstallError, match=r"ends again and again: back-off 10s\nline\nplimsoll: no such file"):
        wait(cluster(deployment(), crashing), seconds=60)


def test_trouble_of_a_pod_that_is_going_is_none() -> None:
    going = pod({"reason": "CrashLoopBackOff"}, deletionTimestamp="2026-11-21T00:00:00Z")
    with pytest.raises(InstallError, match="is not ready after 0 s: it has no pod"):
        wait(cluster(deployment(), going))


def test_a_pod_that_is_refused_is_told_in_the_words_of_who_refused_it() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    with pytest.raises(InstallError, match="its pod is refused: exceeded quota: small"):
        wait(cluster(deployment(conditions=[refused])))


def test_a_pod_without_a_node_is_told_in_the_words_of_the_scheduler() -> None:
    nowhere = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    with pytest.raises(InstallError, match="no node takes its pod: 0/1 nodes are available"):
        wait(cluster(deployment(), pod(conditions=[nowhere])))


def test_else_the_commands_that_say_more_are_named() -> None:
    with pytest.raises(InstallError, match="describe pod plimsoll-operator-x"):
        wait(cluster(deployment(), pod()))


def test_pods_that_run_and_are_not_ready_are_told_with_the_end_of_their_log() -> None:
    waiting = cluster(deployment(), pod(), log="no operator answers at plimsoll-routing\n")
    with pytest.raises(InstallError, match=r"(?s)plimsoll-operator-x runs and is not ready.*no operator answers"):
        wait(waiting)


def test_a_pod_without_a_log_is_told_without_it() -> None:
    starting = pod({"reason": "ContainerCreating"})
    with pytest.raises(InstallError, match="plimsoll-operator-x is being started"):
        wait(cluster(deployment(), starting, log=ClusterError("container is waiting to start")))


def test_old_pods_that_have_not_ended_are_what_is_waited_for() -> None:
    ready = pod()
    ready["status"]["containerStatuses"][0]["ready"] = True
    with pytest.raises(InstallError, match="pods of an earlier version have not ended yet"):
        wait(cluster(deployment(), ready))


def test_the_gateway_is_looked_at_by_its_own_name_and_labels() -> None:
    kubectl = SaidKubectl({"get deployment plimsoll-gateway": READY, "get pods": {"items": []}})
    rollout.wait(kubectl, rollout.GATEWAYS, 0, Silent())
    assert any("component=gateway" in command for command in kubectl.asked)


class Heard(Silent):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def update(self, text: str) -> None:
        self.lines.append(text)


def test_what_is_waited_for_is_told_meanwhile() -> None:
    kubectl, heard = cluster(deployment(), pod()), Heard()
    states = iter([deployment(), READY])

    class Coming(SaidKubectl):
        def __call__(self, *arguments: str, stdin: str | None = None) -> str:
            if arguments[:2] == ("get", "deployment"):
                self.answers = {**kubectl.answers, "get deployment": next(states)}
                del self.answers["get deployment plimsoll-operator"]
            return super().__call__(*arguments, stdin=stdin)

    rollout.wait(Coming(kubectl.answers), rollout.OPERATOR, 20, heard)
    assert heard.lines == ["the operator is not ready yet: plimsoll-operator-x runs and is not ready"]


def test_gateways_are_begun_when_they_can_trust_the_operator() -> None:
    rollout.wait_for_authority(SaidKubectl({"get configmap": "configmap/plimsoll-routing-ca\n"}), 0, Silent())


def test_an_operator_without_an_authority_is_told_with_the_command_that_says_more() -> None:
    with pytest.raises(
        InstallError, match=r"no ConfigMap plimsoll-routing-ca in 0 s.*logs deployment/plimsoll-operator"
    ):
        rollout.wait_for_authority(SaidKubectl({"get configmap": ""}), 0, Silent())
