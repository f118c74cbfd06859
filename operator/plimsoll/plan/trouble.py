"""What keeps the pods of a workload from serving: the most telling trouble, in the cluster's own words.

Only objects are read, no Events: these are kept for an hour at most, may be dropped, and need a right of their own.
What is told holds nothing that changes by itself (counts, times, names by chance), so that it is written once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from plimsoll.api.quoting import quoted
from plimsoll.api.reasons import Reason
from plimsoll.plan.container_trouble import container_trouble, overdue_at, start_refused
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.pod_state import condition, containers_of, has_node, is_ending, is_ready, moment, phase

# Several pods, several troubles: the first of these is told. A cause before its effects, what a container knows of
# itself before what the cluster sees of it, and what somebody has to change before what time may heal.
MOST_TELLING = (
    Reason.CHECKSUM_MISMATCH,
    Reason.NOT_A_MODEL,
    Reason.MODEL_UNSUPPORTED,
    Reason.DOES_NOT_FIT,
    Reason.SOURCE_NOT_FOUND,
    Reason.SOURCE_FORBIDDEN,
    Reason.ADDRESS_REFUSED,
    Reason.HOST_NOT_ALLOWED,
    Reason.SECRET_MISSING,
    Reason.CLAIM_MISSING,
    Reason.DRIVER_MISSING,
    Reason.OUT_OF_MEMORY,
    Reason.DISK_FULL,
    Reason.ADMISSION_REFUSED,
    Reason.IMAGE_PULL_FAILED,
    Reason.CONTAINER_REFUSED,
    Reason.PROBE_FAILED,
    Reason.CRASH_LOOP,
    Reason.SOURCE_UNREACHABLE,
    Reason.DOWNLOAD_FAILED,
    Reason.QUOTA_EXCEEDED,
    Reason.UNSCHEDULABLE,
    Reason.NODE_LOST,
    Reason.EVICTED,
    Reason.POD_NOT_STARTED,
)
# A pod that failed stays as a record; after this time it says nothing about the pods of now.
_RECORD_COUNTS = timedelta(hours=1)
_NO_SCHEDULER = timedelta(minutes=1)
_NOT_STARTED = timedelta(minutes=1)
_DISK = re.compile(r"ephemeral[- ](local )?storage|emptydir volume|disk", re.IGNORECASE)
_CLAIM = re.compile(r'persistentvolumeclaim "[^"]*" not found')


def find_trouble(deployment: Object | None, pods: Sequence[Object], now: datetime) -> Finding | None:
    """What keeps the workload from serving at all; None while a pod is ready, and while all is on its way."""
    return None if any(is_ready(pod) for pod in pods) else find_shortfall(deployment, pods, now)


def find_shortfall(deployment: Object | None, pods: Sequence[Object], now: datetime) -> Finding | None:
    """What keeps single pods from being ready, also while others serve."""
    served = any(is_ready(pod) for pod in pods)
    found = list(_refusals(deployment)) if deployment else []
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        # While others serve, the record of a failed pod says nothing about the one that took its place.
        if not (is_ending(pod) or (served and phase(pod) == "Failed")):
            found += _pod_troubles(pod, now)
    return most_telling(found)


def may_change_after(pods: Sequence[Object], now: datetime) -> timedelta | None:
    """How long until time alone may change what is told; None when only an event can."""
    waiting = (pod for pod in pods if not (is_ending(pod) or is_ready(pod)))
    deadlines = [deadline for pod in waiting for deadline in _deadlines(pod) if deadline and deadline > now]
    return min(deadlines) - now if deadlines else None


def most_telling(findings: Iterable[Finding]) -> Finding | None:
    return min(findings, key=lambda finding: MOST_TELLING.index(finding.reason), default=None)


def _refusals(deployment: Object) -> Iterator[Finding]:
    """Pods that could not even be made."""
    failure = condition(deployment, "ReplicaFailure")
    if failure.get("status") != "True":
        return
    # The name of a pod that was never made is another one at each try.
    words = quoted(re.sub(r'^pods "[^"]*" is forbidden: ', "", str(failure.get("message", ""))))
    if "exceeded quota" in words:
        yield Finding(Reason.QUOTA_EXCEEDED, f"No pod could be made: {words}")
    elif "error looking up service account" not in words:  # ours, on its way
        yield Finding(Reason.ADMISSION_REFUSED, f"No pod could be made: {words}")


def _pod_troubles(pod: Object, now: datetime) -> Iterator[Finding]:
    told = f"Pod {pod['metadata']['name']}"
    if phase(pod) == "Succeeded":
        return
    if phase(pod) == "Failed":
        yield from _failed(told, pod, now)
    elif not has_node(pod):
        yield from _unscheduled(told, pod, now)
    elif _silent(pod):
        yield Finding(Reason.NODE_LOST, f"{told}: node {pod['spec'].get('nodeName')} does not answer")
    else:
        troubles = [container_trouble(pod, container, now) for container in containers_of(pod)]
        known = [trouble for trouble in troubles if trouble]
        yield from known or _not_started(told, pod, now)


def _deadlines(pod: Object) -> Iterator[datetime | None]:
    if phase(pod) == "Failed":
        yield _record_counts_until(pod)
    elif not has_node(pod):
        yield _scheduler_has_until(pod)
    else:
        yield _node_has_until(pod)
        yield from (overdue_at(pod, container) for container in containers_of(pod))


def _record_counts_until(pod: Object) -> datetime | None:
    changed = (moment(each.get("lastTransitionTime")) for each in pod["status"].get("conditions") or [])
    ended = max((each for each in changed if each), default=None)
    return ended and ended + _RECORD_COUNTS


def _scheduler_has_until(pod: Object) -> datetime | None:
    """None once a scheduler has spoken."""
    created = moment(pod["metadata"].get("creationTimestamp"))
    return created + _NO_SCHEDULER if created and not condition(pod, "PodScheduled") else None


def _node_has_until(pod: Object) -> datetime | None:
    """None once the pod has its volumes and its network."""
    began = moment(pod["status"].get("startTime"))
    waits = condition(pod, "PodReadyToStartContainers").get("status") == "False"
    return began + _NOT_STARTED if began and waits else None


def _failed(told: str, pod: Object, now: datetime) -> Iterator[Finding]:
    counts = _record_counts_until(pod)
    if counts and now >= counts:
        return
    why, words = str(pod["status"].get("reason") or ""), quoted(str(pod["status"].get("message") or ""))
    if not why:
        troubles = (container_trouble(pod, container, now) for container in containers_of(pod))
        yield from (trouble for trouble in troubles if trouble)
    elif why == "UnexpectedAdmissionError":
        yield start_refused(f"{told}: {words}")
    else:
        reason = Reason.DISK_FULL if _DISK.search(words) else Reason.EVICTED
        yield Finding(reason, f"{told}: {why}: {words}")


def _unscheduled(told: str, pod: Object, now: datetime) -> Iterator[Finding]:
    scheduled = condition(pod, "PodScheduled")
    until = _scheduler_has_until(pod)
    if scheduled.get("reason") == "Unschedulable":
        # What preemption could not do either is never the cause.
        words = quoted(str(scheduled.get("message", "")).partition(" preemption:")[0])
        words = words.removesuffix("no new claims to deallocate,").strip()
        reason = Reason.CLAIM_MISSING if _CLAIM.search(words) else Reason.UNSCHEDULABLE
        yield Finding(reason, f"{told}: {words}")
    elif until and now >= until:
        name = pod["spec"].get("schedulerName", "default-scheduler")
        yield Finding(Reason.UNSCHEDULABLE, f"{told}: no scheduler looks at it; spec.schedulerName is {name}")


def _silent(pod: Object) -> bool:
    """The control plane takes Ready away when a node falls silent, and leaves what the node said last."""
    ready = condition(pod, "Ready")
    said = condition(pod, "ContainersReady").get("status") == "True"
    gated = ready.get("reason") == "ReadinessGatesNotReady"
    return phase(pod) == "Unknown" or (ready.get("status") == "False" and said and not gated)


def _not_started(told: str, pod: Object, now: datetime) -> Iterator[Finding]:
    until = _node_has_until(pod)
    if until and now >= until:
        needs = ", ".join(_needs(pod["spec"]))
        hint = f"; it needs {needs}" if needs else ""
        node = pod["spec"].get("nodeName")
        yield Finding(
            Reason.POD_NOT_STARTED, f"{told}: node {node} has not made its volumes or its network ready{hint}"
        )


def _needs(spec: Object) -> Iterator[str]:
    """What the volumes of a pod come from and could be missing."""
    for volume in spec.get("volumes") or []:
        if "secret" in volume and not volume["secret"].get("optional"):
            yield f"Secret {volume['secret'].get('secretName')}"
        elif "configMap" in volume and not volume["configMap"].get("optional"):
            yield f"ConfigMap {volume['configMap'].get('name')}"
        elif "persistentVolumeClaim" in volume:
            yield f"claim {volume['persistentVolumeClaim'].get('claimName')}"
