"""Real pods: started, asked, called by each other."""

from __future__ import annotations

from tests.support import objects
from tests.support.kube import Kube, Object
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError

START_SECONDS = 60
_ANSWER_SECONDS = 30


def ready(found: Object) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def start(kube: Kube, wanted: Object) -> Object:
    """The pod once it is ready."""
    kube.create(wanted)
    return kube.wait(wanted, ready, START_SECONDS, f"pod {wanted['metadata']['name']} is ready")


def run(kube: Kube, cluster: ProcessCluster, wanted: Object) -> str:
    """What a pod that runs to its end has printed."""
    wanted["spec"]["restartPolicy"] = "Never"
    kube.create(wanted)
    name = wanted["metadata"]["name"]
    ended = kube.wait(wanted, lambda found: phase(found) in ("Succeeded", "Failed"), START_SECONDS, f"pod {name} ends")
    printed = logs(cluster, wanted)
    assert phase(ended) == "Succeeded", printed
    return printed


def phase(found: Object) -> str:
    return str(found.get("status", {}).get("phase", ""))


def unschedulable(found: Object) -> str:
    """Why the scheduler finds no node, in its words; empty while it has not said so."""
    for condition in found["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition["message"])
    return ""


def start_replicas(kube: Kube, wanted: Object) -> list[Object]:
    """The pods of a deployment once as many as declared are ready."""
    kube.create(wanted)
    return ready_replicas(kube, wanted)


def ready_replicas(kube: Kube, deployment: Object) -> list[Object]:
    metadata, count = deployment["metadata"], deployment["spec"]["replicas"]
    labels = f"app={metadata['name']}"

    def found() -> list[Object]:
        pods = kube.list("v1", "Pod", metadata["namespace"], labels)
        alive = [pod for pod in pods if ready(pod) and "deletionTimestamp" not in pod["metadata"]]
        return alive if len(alive) == count else []

    return wait_until(found, START_SECONDS, f"{count} ready pods of deployment {metadata['name']}")


def caller(kube: Kube, namespace: str, image: str, node: str | None = None) -> Object:
    """A pod to call others from."""
    wanted = objects.pod(namespace, f"caller-{node}" if node else "caller", image, ["sleep"])
    return start(kube, objects.on_node(wanted, node) if node else wanted)


def execute(cluster: ProcessCluster, pod: Object, *command: str) -> str:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    return cluster.kubectl("exec", "--namespace", namespace, name, "--", "/probe", *command)


def logs(cluster: ProcessCluster, pod: Object) -> str:
    return cluster.kubectl("logs", "--namespace", pod["metadata"]["namespace"], pod["metadata"]["name"])


def call(cluster: ProcessCluster, pod: Object, url: str) -> str:
    """What a URL answers inside the cluster; a new Service takes a moment to reach every node."""
    last: list[str] = []

    def answer() -> str | None:
        try:
            return execute(cluster, pod, "get", url)
        except ClusterError as error:
            last[:] = [str(error)]
            return None

    return str(wait_until(answer, _ANSWER_SECONDS, lambda: f"{url} answers: {last}")).strip()


def callers_see(cluster: ProcessCluster, pod: Object, url: str, count: int) -> set[str]:
    """The different answers of a URL, once there are `count`."""
    seen: set[str] = set()

    def enough() -> bool:
        seen.add(call(cluster, pod, url))
        return len(seen) >= count

    wait_until(enough, _ANSWER_SECONDS, lambda: f"{count} different answers from {url}, only {sorted(seen)}")
    return seen
