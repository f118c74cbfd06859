"""One pass thought through: what the spec became, what is wanted, who serves, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.plan import history
from plimsoll.plan.fallback import Hardware, choose_hardware
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import inspect_name
from plimsoll.plan.intake import Intake, take_in
from plimsoll.plan.observed import Observed, Proof, SourcePending
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.trouble import find_trouble
from plimsoll.plan.versions import Lineup, line_up, target_of
from plimsoll.plan.world import Running, World, workloads_of

STANDING = ("Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget")


@dataclass(frozen=True)
class Situation:
    world: World
    intake: Intake
    # None before there is a revision, and while spec.pinRevision names one that is not there.
    target: Revision | None
    # Why spec.pinRevision leads nowhere.
    astray: Finding | None
    hardware: Hardware
    lineup: Lineup
    # Names that the model needs and somebody else has, as (kind, name).
    taken: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_external(self) -> bool:
        return self.target is not None and self.target.declared is None

    @property
    def serving(self) -> Running:
        """As it will be after this pass."""
        return self.world.running_as(self.lineup.serving)

    @cached_property
    def current(self) -> tuple[Revision, Workload | None] | None:
        """The revision that serves after this pass, and on what."""
        if self.target is not None:
            if self.is_external:
                return self.target, None
            for workload in workloads_of(self.target):
                if names.short(workload.hash) == self.lineup.serving:
                    return self.target, workload
        return self.world.stored(self.lineup.serving)

    @property
    def serves_target(self) -> bool:
        return self.current is not None and self.current[0] is self.target

    @property
    def is_available(self) -> bool:
        if self.is_external:
            return not self.world.observed.missing
        if ("Service", self.world.name) in self.taken:
            return False
        return bool(self.serving.ready) or (self.world.replicas == 0 and self.target is not None)

    @property
    def declared(self) -> Running:
        return self._running_of(self.target.declared if self.target else None)

    @property
    def has_fallen_back(self) -> bool:
        """Whether the declared hardware was given up for now."""
        serves = self.serving.short == self.declared.short and self.serving.ready
        return len(self.hardware.workloads) > 1 and not serves

    @property
    def awaited(self) -> Workload | None:
        """What has to become ready for the target to be served."""
        if self.target is None:
            return None
        return self.target.fallback if self.has_fallen_back else self.target.declared

    def _running_of(self, workload: Workload | None) -> Running:
        return self.world.running_as(names.short(workload.hash) if workload else None)

    @property
    def awaited_running(self) -> Running:
        return self._running_of(self.awaited)

    @cached_property
    def hindrance(self) -> Finding | SourcePending | None:
        """What keeps the spec as a whole from coming true, whatever its pods do."""
        observed, obstacle = self.world.observed, self.intake.obstacle
        if self.intake.is_invalid:
            return obstacle
        return self.name_taken or obstacle or self.astray or next(iter(observed.missing), None) or self._refusal

    @property
    def name_taken(self) -> Finding | None:
        told = ", ".join(f"{kind} {name}" for kind, name in sorted(self.taken))
        return Finding(Reason.NAME_TAKEN, f"{told} belongs to somebody else") if told else None

    @property
    def _refusal(self) -> Finding | None:
        wanted = {names.workload_name(self.world.name, run.workload.hash) for run in self.lineup.runs} | {
            self.world.name
        }
        for (kind, name), words in sorted(self.world.observed.refused.items()):
            if name in wanted or kind == "Job":
                return Finding(Reason.ADMISSION_REFUSED, f"{kind} {name}: {words}")
        return None

    @cached_property
    def trouble(self) -> Finding | None:
        """What keeps the awaited pods from serving."""
        running = self.awaited_running
        refused = [pod for pod in running.ready if self.world.proof_of(pod) is Proof.REFUSED]
        if refused and not self.world.trusted(running.short):
            words = self.world.observed.proofs[refused[0]["metadata"]["uid"]].message
            return Finding(Reason.PROOF_FAILED, f"Pod {refused[0]['metadata']['name']}: {words}")
        return find_trouble(running.deployment, running.pods, self.world.now)


def consider(observed: Observed, configuration: OperatorConfiguration, now: datetime) -> Situation:
    intake = take_in(observed, configuration, now)
    world = World(observed, intake.history, configuration, now)
    # Of a spec that breaks a rule nothing can be believed, not even a pin: what is there stays.
    wanted = None if intake.is_invalid else target_of(world)
    target, astray = (None, wanted) if isinstance(wanted, Finding) else (wanted, None)
    hardware = choose_hardware(world, target)
    taken = _needed(world, intake, hardware) & observed.taken
    # A pod with the service account or behind the Service of somebody else would do what nobody declared.
    lineup = line_up(world, target, hardware, may_start=not taken)
    return Situation(world, intake, target, astray, hardware, lineup, taken)


def _needed(world: World, intake: Intake, hardware: Hardware) -> frozenset[tuple[str, str]]:
    """The objects that a model cannot do without; whoever has another name that looks like ours may keep it."""
    needed: set[tuple[str, str]] = set()
    if hardware.workloads or intake.inspect:
        needed |= {(kind, world.name) for kind in STANDING}
    needed |= {("Deployment", names.workload_name(world.name, each.hash)) for each in hardware.workloads}
    if intake.inspect:
        needed.add(("Job", inspect_name(world.config)))
    if isinstance(intake.obstacle, Finding) and intake.obstacle.reason is Reason.NAME_TAKEN:
        number = history.next_number(world.config, world.observed.revisions)
        needed.add((history.KIND, names.revision_name(world.name, number)))
    return frozenset(needed)
