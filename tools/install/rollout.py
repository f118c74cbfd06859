"""Whether a part of Plimsoll came up: read from its Deployment and its pods, and waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress
from tools.install.errors import InstallError
from tools.install.settings import GATEWAY, HOME, NAME
from tools.install.target import Kubectl

Object = dict[str, Any]

_PAUSE = 0.5
_LAST_LINES = 10
# These do not pass by waiting; the first two are told only after the kubelet has tried a second time.
_HOPELESS = {
    "ImagePullBackOff": "the image cannot be pulled",
    "ErrImageNeverPull": "the image is not on the node",
    "InvalidImageName": "the image has no valid name",
    "CreateContainerConfigError": "the container cannot be made",
    "CrashLoopBackOff": "it ends again and again",
}
_LOAD = "load it (`make images` does for clusters of this checkout) or push it and name it with --image"


@dataclass(frozen=True)
class Part:
    """One Deployment of an installation."""

    words: str
    name: str

    @property
    def pods(self) -> str:
        return f"app.kubernetes.io/name=plimsoll,app.kubernetes.io/component={self.words}"


OPERATOR, GATEWAYS = Part("operator", NAME), Part("gateway", GATEWAY)


def wait(kubectl: Kubectl, part: Part, seconds: float, progress: Progress) -> None:
    """Until every replica of the newest template is ready; trouble that does not pass ends it at once."""
    deadline = time.monotonic() + seconds
    while True:
        deployment, pods = look(kubectl, part)
        if complete(deployment):
            return
        if trouble := next(hopeless(pods), None):
            raise InstallError(f"The {part.words} does not start: {trouble}{_last_words(pods)}")
        why = waits_for(deployment, pods)
        if time.monotonic() >= deadline:
            more = _more(pods) + _said(kubectl, pods)
            raise InstallError(f"The {part.words} is not ready after {seconds:.0f} s: {why}{more}")
        progress.update(f"the {part.words} is not ready yet: {why}")
        time.sleep(_PAUSE)


def wait_for_authority(kubectl: Kubectl, seconds: float, progress: Progress) -> None:
    """Of its feed. A gateway that starts before it is there hears of it when its node looks again, a minute later."""
    deadline = time.monotonic() + seconds
    name = "plimsoll-routing-ca"
    while not kubectl("get", "configmap", name, f"--namespace={HOME}", "--ignore-not-found", "--output=name").strip():
        if time.monotonic() >= deadline:
            raise InstallError(
                f"The operator has made no ConfigMap {name} in {seconds:.0f} s, so gateways could not trust it: "
                f"`kubectl --namespace {HOME} logs deployment/{NAME}` says more."
            )
        progress.update("the operator has not made its authority for gateways yet")
        time.sleep(_PAUSE)


def look(kubectl: Kubectl, part: Part) -> tuple[Object, list[Object]]:
    deployment = json.loads(kubectl("get", "deployment", part.name, f"--namespace={HOME}", "--output=json"))
    listed = kubectl("get", "pods", f"--namespace={HOME}", f"--selector={part.pods}", "--output=json")
    return deployment, [pod for pod in json.loads(listed)["items"] if "deletionTimestamp" not in pod["metadata"]]


def complete(deployment: Object) -> bool:
    """Also when there are to be none: somebody scaled it to zero on purpose."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return counts == [wanted] * 3


def hopeless(pods: Sequence[Object]) -> Iterator[str]:
    """What stops these pods, in words that name the way out."""
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", []):
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") not in _HOPELESS:
                continue
            words = f"{_HOPELESS[waiting['reason']]}: {waiting.get('message', waiting['reason'])}"
            yield f"{words}; {_LOAD}" if "mage" in waiting["reason"] else words


def waits_for(deployment: Object, pods: Sequence[Object]) -> str:
    """What a deployment that is not complete lacks, in the cluster's own words."""
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"its pod is refused: {condition['message']}"
    if not pods:
        return "it has no pod; does a controller manager run in this cluster?"
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"no node takes its pod: {condition.get('message', '')}"
    if unready := _unready(pods):
        return "; ".join(f"{pod['metadata']['name']} {_state(pod)}" for pod in unready)
    return "pods of an earlier version have not ended yet"


def _unready(pods: Sequence[Object]) -> list[Object]:
    return [pod for pod in pods if not all(each.get("ready") for each in _containers(pod)) or not _containers(pod)]


def _containers(pod: Object) -> list[Object]:
    found: list[Object] = pod.get("status", {}).get("containerStatuses", [])
    return found


def _state(pod: Object) -> str:
    running = [each for each in _containers(pod) if "running" in each.get("state", {})]
    return "runs and is not ready" if running else "is being started"


def _more(pods: Sequence[Object]) -> str:
    if not (unready := _unready(pods)):
        return ""
    name = unready[0]["metadata"]["name"]
    return f"; `kubectl --namespace {HOME} describe pod {name}` and `… logs {name}` say more"


def _said(kubectl: Kubectl, pods: Sequence[Object]) -> str:
    """The end of the log of a pod that runs and is not ready: it says what it waits for."""
    for pod in _unready(pods):
        try:
            said = kubectl("logs", pod["metadata"]["name"], f"--namespace={HOME}", f"--tail={_LAST_LINES}").strip()
        except ClusterError:
            continue
        if said:
            return f"\n{said}"
    return ""


def _last_words(pods: Sequence[Object]) -> str:
    """What a container that ended left behind; its log is in the message where it wrote none of its own."""
    for pod in pods:
        for container in _containers(pod):
            message = container.get("lastState", {}).get("terminated", {}).get("message", "")
            if message:
                return "\n" + "\n".join(message.strip().splitlines()[-_LAST_LINES:])
    return ""
