"""How far the pods of a workload are on their way, where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import Object
from plimsoll.plan.pod_state import containers_of, has_node, is_ending, is_ready, phase

_ORDER = (Reason.SCHEDULING, Reason.STARTING, Reason.DOWNLOADING, Reason.LOADING, Reason.PROVING)


def stage_of(pods: Iterable[Object]) -> Reason:
    """That of the pod which is furthest, because one is enough to serve."""
    alive = (pod for pod in pods if not is_ending(pod) and phase(pod) != "Failed")
    return max((_stage(pod) for pod in alive), key=_ORDER.index, default=Reason.SCHEDULING)


def _stage(pod: Object) -> Reason:
    if is_ready(pod):
        return Reason.PROVING
    if not has_node(pod):
        return Reason.SCHEDULING
    # From the last container to the first: who has begun is where the pod is.
    for container in reversed(list(containers_of(pod))):
        fetching = container.name == "fetch"
        if container.running_since or (container.unhealed and not (fetching and container.done)):
            return Reason.DOWNLOADING if fetching else Reason.LOADING
    return Reason.STARTING
