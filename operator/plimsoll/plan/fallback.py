"""On which hardware a revision is to run: as declared, or on its fallback for as long as no accelerator can be had.

Nothing is remembered from pass to pass. That a fallback has begun is seen from its Deployment, that the accelerator is
back from the pods of the declared workload, which wait in the scheduler's own queue all the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from plimsoll.api import names
from plimsoll.api.rules.rule import find, seconds
from plimsoll.plan.observed import Object
from plimsoll.plan.pod_state import condition, moment
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.world import Running, World, created

# An accelerator that comes and goes faster than this moves nobody.
SETTLE = timedelta(seconds=30)
_USUAL_PATIENCE = "5m"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The workloads that are to run; the Service turns to the first of them that can take calls."""

    workloads: tuple[Workload, ...] = ()
    again_after: timedelta | None = None


def choose_hardware(world: World, target: Revision | None) -> Hardware:
    if target is None or target.declared is None:
        return Hardware()
    declared, fallback = target.declared, target.fallback
    if fallback is None or world.replicas == 0:
        return Hardware((declared,))
    patience = _patience(target)
    running = world.running_as(names.short(declared.hash))
    if has_fallen_back(world, fallback):
        return _on_the_way_back(world, (declared, fallback), min(SETTLE, patience))
    since = without_room_since(running)
    if since is None:
        return Hardware((declared,))
    waited = world.now - since
    if waited < patience:
        return Hardware((declared,), again_after=patience - waited)
    return Hardware((declared, fallback))


def has_fallen_back(world: World, fallback: Workload) -> bool:
    short = names.short(fallback.hash)
    return short == world.serving or world.running_as(short).replicas > 0


def without_room_since(running: Running) -> datetime | None:
    """Since when there is no accelerator for any pod of this workload; None while one has its place.

    Pods that are placed and lost again begin to wait anew, but the Deployment was not available all that time: an
    accelerator that comes and goes does not keep a model from its fallback for ever.
    """
    if any(_is_placed(pod) for pod in running.present):
        return None
    waiting = [pod for pod in running.present if _is_unschedulable(pod)]
    since = [created(pod) for pod in waiting]
    deployment = running.deployment or {}
    if not running.present:
        refused = condition(deployment, "ReplicaFailure")
        since = [moment(refused.get("lastTransitionTime"))] if refused.get("status") == "True" else []
    if not since:
        return None
    available = condition(deployment, "Available")
    if available.get("status") == "False":
        since.append(moment(available.get("lastTransitionTime")))
    return min((each for each in since if each), default=None)


def _on_the_way_back(world: World, both: tuple[Workload, Workload], settle: timedelta) -> Hardware:
    declared = both[0]
    short = names.short(declared.hash)
    ready_since = (moment(condition(pod, "Ready").get("lastTransitionTime")) for pod in _whole(world, short))
    known = [each for each in ready_since if each]
    left = max(known) + settle - world.now if known else None
    if left is None or left > timedelta():
        return Hardware(_in_order(world, both), again_after=left)
    # It is back for good; where it still has to prove itself, the fallback stays until then.
    return Hardware((declared,) if world.trusted(short) >= world.replicas else both)


def _in_order(world: World, both: tuple[Workload, Workload]) -> tuple[Workload, ...]:
    """The fallback that serves is left only when the declared hardware is back for good."""
    declared, fallback = both
    return (fallback, declared) if names.short(fallback.hash) == world.serving else both


def _whole(world: World, short: str) -> tuple[Object, ...]:
    """Its ready pods, when they are as many as are declared."""
    ready = world.running_as(short).ready
    return ready if len(ready) >= world.replicas else ()


def _patience(target: Revision) -> timedelta:
    return timedelta(seconds=seconds(find(target.spec, "hardware.fallback.after") or _USUAL_PATIENCE))


def _is_placed(pod: Object) -> bool:
    return bool(find(pod, "spec.nodeName"))


def _is_unschedulable(pod: Object) -> bool:
    scheduled = condition(pod, "PodScheduled")
    return scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
