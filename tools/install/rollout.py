"""Whether the operator came up: read from its Deployment and its pods, and waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tools.install.errors import InstallError
from tools.install.settings import HOME, NAME
from tools.install.target import Kubectl

Object = dict[str, Any]

_PODS = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=operator"
_PAUSE = 0.5
_LAST_LINES = 10
# These do not pass by waiting; the first two are told only after the kubelet has tried a second time.
_HOPELESS = {
    "ImagePullBackOff": "the image cannot be pulled",
    "ErrImageNeverPull": "the image is not on the node",
    "InvalidImageName": "the image has no valid name",
    "CreateContainerConfigError": "the container cannot be made",
    "CrashLoopBackOff": "the operator ends again and again",
}
_LOAD = "load it (`make images` does for clusters of this checkout) or push it and name it with --image"


def wait(kubectl: Kubectl, seconds: float) -> None:
    """Until every replica of the newest template is ready; trouble that does not pass ends it at once."""
    deadline = time.monotonic() + seconds
    while True:
        deployment, pods = look(kubectl)
        if complete(deployment):
            return
        if trouble := next(hopeless(pods), None):
            raise InstallError(f"The operator does not start: {trouble}{_last_words(pods)}")
        if time.monotonic() >= deadline:
            raise InstallError(f"The operator is not ready after {seconds:.0f} s: {waits_for(deployment, pods)}")
        time.sleep(_PAUSE)


def look(kubectl: Kubectl) -> tuple[Object, list[Object]]:
    deployment = json.loads(kubectl("get", "deployment", NAME, f"--namespace={HOME}", "--output=json"))
    pods = json.loads(kubectl("get", "pods", f"--namespace={HOME}", f"--selector={_PODS}", "--output=json"))["items"]
    return deployment, [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


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
    name = pods[0]["metadata"]["name"]
    return f"`kubectl --namespace {HOME} describe pod {name}` and `… logs {name}` say more"


def _last_words(pods: Sequence[Object]) -> str:
    """What a container that ended left behind; its log is in the message where it wrote none of its own."""
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", []):
            message = container.get("lastState", {}).get("terminated", {}).get("message", "")
            if message:
                return "\n" + "\n".join(message.strip().splitlines()[-_LAST_LINES:])
    return ""
