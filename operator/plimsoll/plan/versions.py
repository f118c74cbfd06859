"""Which revision is wanted, which workload takes calls, and which workloads start, stay, drain and go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan.fallback import Hardware
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.world import Running, World, created, workloads_of

# Edits that come faster than this start no workload each: the last one counts.
PAUSE = timedelta(seconds=2)
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Run:
    """A workload that is to be there, with so many replicas."""

    revision: Revision
    workload: Workload
    replicas: int
    why: str

    @property
    def short(self) -> str:
        return names.short(self.workload.hash)


@dataclass(frozen=True, slots=True)
class Lineup:
    # The workload that the Service is to select.
    serving: str | None = None
    runs: tuple[Run, ...] = ()
    # Deployments that have nothing left to finish.
    ends: tuple[Object, ...] = ()
    again_after: timedelta | None = None


def target_of(world: World) -> Revision | Finding | None:
    """The revision that the spec wants served: the pinned one, else the newest; None before there is any."""
    pin = find(world.config, "spec.pinRevision")
    if not isinstance(pin, int):
        return world.history[-1] if world.history else None
    found = next((each for each in world.history if each.number == pin), None)
    known = ", ".join(str(each.number) for each in reversed(world.history[-_SHOWN:]))
    return found or Finding(
        Reason.REVISION_MISSING,
        f"spec.pinRevision is {pin}, and the history has {known or 'no revision yet'}; what serves stays",
    )


def line_up(world: World, target: Revision | None, hardware: Hardware, *, may_start: bool) -> Lineup:
    """Without a target all stays as it is, and what serves is kept up."""
    wanted = [names.short(each.hash) for each in hardware.workloads]
    serving = _next_serving(world, target, wanted)
    if target is None:
        return Lineup(serving, tuple(_kept(world, {serving, world.serving})))
    missing = [each for each in hardware.workloads if not world.running_as(names.short(each.hash)).deployment]
    wait = _pause(world, wanted) if missing else timedelta()
    puts_off = missing if wait or not may_start else []
    runs = [
        Run(target, each, world.replicas, f"revision {target.number} {'starts' if each in missing else 'is wanted'}")
        for each in hardware.workloads
        if each not in puts_off
    ]
    keeps = _indispensable(world, serving) - {*wanted} if target.declared else set()
    runs += _kept(world, keeps)
    if puts_off:
        # What is there now goes only when what follows it may come.
        return Lineup(serving, tuple(runs), again_after=wait or None)
    surplus = [each for each in world.running.values() if each.deployment and each.short not in {*wanted, *keeps}]
    runs += [run for each in surplus if not _has_ended(world, each) and (run := _drained(world, each))]
    ends = tuple(each.deployment for each in surplus if each.deployment and _has_ended(world, each))
    return Lineup(serving, tuple(runs), ends)


def _next_serving(world: World, target: Revision | None, wanted: list[str]) -> str | None:
    """Whom the Service is to select: never one with fewer pods than now, as far as that is in our hands."""
    if target is not None and target.declared is None:
        return None
    if world.replicas == 0:
        # Nobody is called at zero. What served last is the one to come back, unless it is of the same revision.
        own = {None, *(names.short(each.hash) for each in workloads_of(target))}
        takes_over = wanted and world.serving in own and world.running_as(wanted[0]).deployment
        return wanted[0] if takes_over else world.serving
    now = len(world.running_as(world.serving).ready)
    for short in wanted:
        if short == world.serving and now:
            return short
        if short != world.serving and world.trusted(short) >= min(world.replicas, max(1, now)):
            return short
    return world.serving if now else _rescue(world) or world.serving


def _rescue(world: World) -> str | None:
    """While what served has nobody ready, any other revision that works is better than nothing: the newest of them."""
    able = _able(world)
    return able if able and world.trusted(able) else None


def _able(world: World) -> str | None:
    others = [each.short for each in world.running.values() if each.deployment and each.ready]
    known = [(stored[0].number, short) for short in others if (stored := world.stored(short))]
    return max(known)[1] if known and world.serving else None


def _indispensable(world: World, serving: str | None) -> set[str]:
    """What takes calls now or next, and what could while that has nobody ready."""
    in_need = world.replicas and not world.running_as(world.serving).ready
    return {each for each in (serving, world.serving, _able(world) if in_need else None) if each}


def _kept(world: World, shorts: Collection[str | None]) -> list[Run]:
    stored = [found for short in sorted(each for each in shorts if each) if (found := world.stored(short))]
    return [Run(*found, world.replicas, f"revision {found[0].number} serves until another one can") for found in stored]


def _drained(world: World, running: Running) -> Run | None:
    stored = world.stored(running.short)
    return Run(*stored, 0, f"revision {stored[0].number} has handed over") if stored else None


def _has_ended(world: World, running: Running) -> bool:
    """Nobody calls it any more, and it has no pod that could have something to finish."""
    if running.replicas == 0:
        return not running.pods
    return not running.ready or not world.stored(running.short)


def _pause(world: World, wanted: list[str]) -> timedelta:
    """How long to wait before the next start: as long as one that nobody wants any more is just as young.

    Also one that serves by now: whose pods are ready at once would otherwise start one for every edit.
    """
    others = [each for each in world.running.values() if each.short not in wanted]
    born = [time for each in others if each.deployment and (time := created(each.deployment))]
    return max(timedelta(), max(born) + PAUSE - world.now) if born else timedelta()
