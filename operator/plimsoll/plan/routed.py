"""What callers of a model meet now: the revision that takes the calls and its pods, or why nobody takes them.

It says the same as the status: that the Service selects a workload, and that pods of it are ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from plimsoll.api.normal import AT_ONCE
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan import history
from plimsoll.plan.engine import PORT
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.pod_state import condition, is_ending, phase
from plimsoll.plan.revision import Revision
from plimsoll.plan.versions import target_of
from plimsoll.plan.world import ENDED, Running, World
from plimsoll.routing.compiling import ModelFacts, Serving
from plimsoll.routing.document import Down, Endpoint
from plimsoll.routing.entry import Secret


@dataclass(frozen=True)
class Route:
    world: World

    @cached_property
    def provider(self) -> Object | None:
        """spec.external of the revision that takes the calls; None for a model that runs here."""
        revision = self._external
        return dict(revision.spec["external"]) if revision else None

    def in_force(self, before: Object | None) -> Object:
        """Access, limits and calls of the newest valid spec, where `before` is what was in force until now."""
        spec = self.world.config["spec"]
        is_recorded = history.is_recorded(spec, self.world.history)
        judge = history.problems_beside_revisions if is_recorded else history.problems_of
        if before is not None and judge(self.world.config):
            return before
        return {key: spec[key] for key in AT_ONCE if key in spec}

    def facts(self, in_force: Object, credential: Secret | Finding | None) -> ModelFacts:
        key = self.world.observed.key
        return ModelFacts(key.namespace, key.name, in_force, self._state(credential))

    def _state(self, credential: Secret | Finding | None) -> Serving | Down:
        if self._external is not None:
            if isinstance(credential, Finding):
                return Down(reason=credential.reason.value, message=credential.told)
            return Serving(self._external.number, self._external.spec, credential=credential)
        stored = self.world.stored(self.world.serving)
        endpoints = tuple(_endpoints(self.world.running_as(self.world.serving)))
        if stored is None or self._is_in_the_way or all(each.draining for each in endpoints):
            return _down(self.world.config)
        key = self.world.observed.key
        return Serving(stored[0].number, stored[0].spec, endpoints, f"{key.name}.{key.namespace}.svc:{PORT}")

    @cached_property
    def _external(self) -> Revision | None:
        target = target_of(self.world)
        return target if isinstance(target, Revision) and target.declared is None else None

    @property
    def _is_in_the_way(self) -> bool:
        """Whether the Service of this name is of a stranger, to whose pods nobody shall be sent."""
        return self.world.service is None and condition(self.world.config, "NameTaken").get("status") == "True"


def _endpoints(running: Running) -> Iterator[Endpoint]:
    for pod in running.pods:
        address = find(pod, "status.podIP")
        draining = is_ending(pod)
        if address and phase(pod) not in ENDED and (draining or pod in running.ready):
            yield Endpoint(name=pod["metadata"]["name"], address=_with_port(address), draining=draining)


def _with_port(address: str) -> str:
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"


def _down(config: Object) -> Down:
    """In the words of Ready, unless they speak of a moment ago."""
    ready = condition(config, "Ready")
    if ready and ready["reason"] != Reason.SERVING:
        return Down(reason=ready["reason"], message=ready.get("message", ""))
    return Down(reason=Reason.STARTING.value, message="No pod of the model is ready to take calls.")
