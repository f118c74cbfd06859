"""What the status of a pod says, read once: its containers, how they ended, and how long they may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from plimsoll.plan.observed import Object

_BACK_OFF = "CrashLoopBackOff"


@dataclass(frozen=True, slots=True)
class Ended:
    """One end of a container. `why` is a word of Kubernetes: Completed, Error, OOMKilled, StartError."""

    code: int
    why: str
    text: str
    ran: timedelta | None


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    spec: Object
    status: Object

    @property
    def waiting(self) -> str:
        return str(self._state("waiting").get("reason") or "")

    @property
    def waiting_words(self) -> str:
        return str(self._state("waiting").get("message") or "")

    @property
    def running_since(self) -> datetime | None:
        return moment(self._state("running").get("startedAt"))

    @property
    def ready(self) -> bool:
        return bool(self.status.get("ready"))

    @property
    def done(self) -> bool:
        ended = self._state("terminated")
        return bool(ended) and not ended.get("exitCode")

    @property
    def unhealed(self) -> Ended | None:
        """The last end, as long as nothing shows that this run does better."""
        if ended := self._state("terminated"):
            return _ended(ended)
        before = (self.status.get("lastState") or {}).get("terminated")
        healed = self.ready or (self.status.get("started") and "startupProbe" in self.spec)
        return None if healed or not before else _ended(before)

    @property
    def ends_again_and_again(self) -> bool:
        restarts = int(self.status.get("restartCount") or 0)
        return self.waiting == _BACK_OFF or restarts + bool(self._state("terminated")) >= 2

    @property
    def memory_limit(self) -> str:
        return str((self.spec.get("resources") or {}).get("limits", {}).get("memory") or "")

    @property
    def start_budget(self) -> timedelta | None:
        """From its first process to its first answer."""
        return _budget(self.spec.get("startupProbe") or self.spec.get("readinessProbe"))

    @property
    def shortest_probe(self) -> timedelta | None:
        """No probe can end the container sooner."""
        budgets = [_budget(self.spec.get(name)) for name in ("startupProbe", "livenessProbe")]
        return min((budget for budget in budgets if budget is not None), default=None)

    def _state(self, name: str) -> Mapping[str, Any]:
        return (self.status.get("state") or {}).get(name) or {}


def containers_of(pod: Object) -> Iterator[Container]:
    """In the order in which they run; only those that the status speaks of."""
    for specs, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        known = {each["name"]: each for each in pod.get("status", {}).get(statuses) or []}
        for spec in pod.get("spec", {}).get(specs) or []:
            if status := known.get(spec["name"]):
                yield Container(spec["name"], spec, status)


def condition(owner: Object, kind: str) -> Object:
    """Empty when there is none of this type."""
    conditions: list[Object] = owner.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True" and not is_ending(pod)


def is_ending(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def has_node(pod: Object) -> bool:
    return bool(pod["spec"].get("nodeName"))


def phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase") or "")


def moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _ended(told: Mapping[str, Any]) -> Ended:
    began, finished = moment(told.get("startedAt")), moment(told.get("finishedAt"))
    # What never ran began in 1970.
    ran = finished - began if began and finished and began.year > 1970 else None
    return Ended(
        code=int(told.get("exitCode") or 0),
        why=str(told.get("reason") or ""),
        text=str(told.get("message") or ""),
        ran=ran,
    )


def _budget(probe: Object | None) -> timedelta | None:
    if not probe:
        return None
    seconds = int(probe.get("periodSeconds", 10)) * int(probe.get("failureThreshold", 3))
    return timedelta(seconds=int(probe.get("initialDelaySeconds", 0)) + seconds)
