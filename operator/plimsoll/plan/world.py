"""What was observed, as the parts of the planner ask for it: what is ours, what runs, and what takes calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.rules.rule import find
from plimsoll.plan.children import NOBODY
from plimsoll.plan.history import is_owned
from plimsoll.plan.observed import Object, Observed, Proof
from plimsoll.plan.pod_state import is_ending, is_ready, moment, phase
from plimsoll.plan.revision import Revision, Workload

ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Running:
    """One workload in the cluster: its Deployment, if there is one, and its pods, also those that are ending."""

    short: str
    deployment: Object | None = None
    pods: tuple[Object, ...] = ()

    @property
    def replicas(self) -> int:
        """As many as the Deployment is told to have."""
        return int(find(self.deployment, "spec.replicas") or 0)

    @cached_property
    def present(self) -> tuple[Object, ...]:
        return tuple(pod for pod in self.pods if not is_ending(pod) and phase(pod) not in ENDED)

    @cached_property
    def ready(self) -> tuple[Object, ...]:
        return tuple(pod for pod in self.present if is_ready(pod))


@dataclass(frozen=True)
class World:
    """`history` has the newest revision last, also one that is being written in this pass."""

    observed: Observed
    history: tuple[Revision, ...]
    configuration: OperatorConfiguration
    now: datetime

    @property
    def config(self) -> Object:
        return self.observed.config

    @property
    def name(self) -> str:
        return self.observed.key.name

    @cached_property
    def children(self) -> Mapping[tuple[str, str], Object]:
        owned = (each for each in self.observed.children if is_owned(each, self.config))
        return {(each["kind"], each["metadata"]["name"]): each for each in owned}

    @cached_property
    def running(self) -> Mapping[str, Running]:
        """By the short hash of the workload."""
        found = (each for (kind, _), each in self.children.items() if kind == "Deployment")
        deployments = {_label(each, names.LABEL_WORKLOAD): each for each in found}
        pods: dict[str, list[Object]] = {}
        for pod in self.observed.pods:
            pods.setdefault(_label(pod, names.LABEL_WORKLOAD), []).append(pod)
        shorts = sorted({*deployments, *pods} - {""})
        return {each: Running(each, deployments.get(each), tuple(pods.get(each, ()))) for each in shorts}

    def running_as(self, short: str | None) -> Running:
        return self.running.get(short or "") or Running(short or "")

    @cached_property
    def replicas(self) -> int:
        """As declared; as many as there are for a spec that is broken just there."""
        declared = find(self.config, "spec.scaling.replicas")
        if isinstance(declared, int) and declared >= 0:
            return declared
        return self.running_as(self.serving).replicas if "scaling" in self.config["spec"] else 1

    @cached_property
    def serving(self) -> str | None:
        """The short hash of the workload that the Service selects; None before there is one.

        A Service that is gone, or that somebody turned to nowhere, is put right from what runs.
        """
        selected = str((find(self.service, "spec.selector") or {}).get(names.LABEL_WORKLOAD, ""))
        if selected == NOBODY or selected in self.running or selected in self._known:
            return None if selected == NOBODY else selected
        last = find(self.config, "status.currentRevision.workload")
        if isinstance(last, str) and self.running_as(names.short(last)).deployment:
            return names.short(last)
        most = max(self.running.values(), key=lambda each: len(each.ready), default=None)
        return most.short if most and most.ready else None

    @property
    def service(self) -> Object | None:
        return self.children.get(("Service", self.name))

    def trusted(self, short: str | None) -> int:
        """How many pods of a workload may take calls: ready, and asked for a first token where that is wanted."""
        ready = self.running_as(short).ready
        if short == self.serving or self.configuration.proof == "ready":
            return len(ready)
        return sum(self.proof_of(pod) is Proof.GIVEN for pod in ready)

    def proof_of(self, pod: Object) -> Proof | None:
        result = self.observed.proofs.get(pod["metadata"]["uid"])
        return result.proof if result else None

    def stored(self, short: str | None) -> tuple[Revision, Workload] | None:
        """The workload as it was rendered, and the revision that it runs for; None when the history lost it."""
        known = self._known.get(short or "", ())
        acting = _label(self.running_as(short).deployment or {}, names.LABEL_REVISION)
        chosen = [each for each in known if str(each[0].number) == acting] or known[-1:]
        return chosen[0] if chosen else None

    @cached_property
    def _known(self) -> Mapping[str, tuple[tuple[Revision, Workload], ...]]:
        found: dict[str, tuple[tuple[Revision, Workload], ...]] = {}
        for revision in self.history:
            for workload in workloads_of(revision):
                short = names.short(workload.hash)
                found[short] = (*found.get(short, ()), (revision, workload))
        return found


def workloads_of(revision: Revision | None) -> tuple[Workload, ...]:
    return tuple(each for each in (revision.declared, revision.fallback) if each) if revision else ()


def created(thing: Object) -> datetime | None:
    return moment(thing["metadata"].get("creationTimestamp"))


def soonest(*waits: timedelta | None) -> timedelta | None:
    return min((each for each in waits if each is not None), default=None)


def _label(thing: Object, name: str) -> str:
    return str((find(thing, "metadata.labels") or {}).get(name, ""))
