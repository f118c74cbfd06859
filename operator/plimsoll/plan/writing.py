"""What has to be written so that the cluster is as a situation wants it: only what differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from plimsoll.api import names
from plimsoll.api.rules.rule import find
from plimsoll.plan import children, history
from plimsoll.plan.difference import is_as_wanted, with_intent
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import inspect_job
from plimsoll.plan.observed import Object
from plimsoll.plan.plan import Apply, Delete
from plimsoll.plan.pod_state import condition, moment
from plimsoll.plan.situation import STANDING, Situation
from plimsoll.plan.world import World

# A claim may have another file a minute later, so who looked in vain looks again.
LOOK_AGAIN = timedelta(minutes=1)
_ACCOUNT = "ServiceAccount"
_DEPLOYMENT = "Deployment"


def applies(situation: Situation) -> tuple[Apply, ...]:
    """In an order in which each object finds what it refers to."""
    return tuple(each for each in (*_revision(situation), *_children(situation)) if not _is_taken(situation, each))


def deletes(situation: Situation) -> tuple[Delete, ...]:
    world = situation.world
    gone = [
        *(_delete(each, "its workload has ended") for each in situation.lineup.ends),
        *(_delete(each, "the history is full") for each in _expired(situation)),
        *(_delete(each, "a provider runs the model") for each in _needless(situation)),
        *(_delete(job, "it has looked") for job in _jobs(world) if not _is_looking(situation, job)),
    ]
    return tuple(gone)


def look_again_after(situation: Situation) -> timedelta | None:
    left = [_age_left(situation.world, job) for job in _jobs(situation.world) if situation.intake.inspect]
    return min((each for each in left if each is not None and each > timedelta()), default=None)


def _revision(situation: Situation) -> Iterator[Apply]:
    new = situation.intake.new
    if new is not None:
        made = history.to_object(situation.world.config, new)
        yield Apply(made, f"revision {new.number} was accepted", exists=False)


def _children(situation: Situation) -> Iterator[Apply]:
    world, lineup = situation.world, situation.lineup
    for wanted in _standing(situation):
        turns = wanted["kind"] == "Service" and lineup.serving != world.serving
        why = f"{lineup.serving or 'nobody'} takes the calls" if turns else "the model needs it"
        yield from _unless_there(world, wanted, why)
    for run in lineup.runs:
        made = children.deployment(world.config, run.revision, run.workload, run.replicas)
        yield from _unless_there(world, made, run.why)
    if situation.intake.inspect:
        job = inspect_job(world.config, world.configuration)
        # A Job cannot be changed, and its name says what it looks at.
        if ("Job", job["metadata"]["name"]) not in world.children:
            yield Apply(with_intent(job), "only a pod can look at these weights", exists=False)


def _standing(situation: Situation) -> tuple[Object, ...]:
    world = situation.world
    config, configuration, target = world.config, world.configuration, situation.target
    if situation.is_external:
        # Nobody is sent any more to what runs until it has ended, and then all of it goes.
        return (children.service(config, None),) if world.service and world.running else ()
    if target or world.service:
        return children.standing(config, situation.lineup.serving, configuration)
    if situation.intake.inspect:
        return children.service_account(config), children.network_policy(config, configuration)
    return ()


def _needless(situation: Situation) -> Iterator[Object]:
    """What no model has that a provider runs. The policy holds as long as there is a pod that it holds for."""
    world = situation.world
    if situation.is_external and not world.running:
        yield from (each for (kind, name), each in world.children.items() if kind in STANDING and name == world.name)


def _unless_there(world: World, made: Object, why: str) -> Iterator[Apply]:
    wanted = with_intent(made)
    live = world.children.get((wanted["kind"], wanted["metadata"]["name"]))
    if live is None:
        yield Apply(wanted, why, exists=False)
    elif not is_as_wanted(live, wanted):
        only_if = live["metadata"].get("resourceVersion") if _takes_away(live, wanted) else None
        yield Apply(wanted, why, exists=True, only_if=only_if)


def _takes_away(live: Object, wanted: Object) -> bool:
    """Whether callers lose pods that they have: by fewer of them, or by a Service that turns to others."""
    if wanted["kind"] == _DEPLOYMENT:
        return int(find(live, "spec.replicas") or 0) > int(wanted["spec"]["replicas"])
    if wanted["kind"] == "Service":
        selected = (find(live, "spec.selector") or {}).get(names.LABEL_WORKLOAD)
        return selected not in (children.NOBODY, wanted["spec"]["selector"][names.LABEL_WORKLOAD])
    return False


def _is_taken(situation: Situation, apply: Apply) -> bool:
    slot = (apply.object["kind"], apply.object["metadata"]["name"])
    return slot in situation.world.observed.taken


def _expired(situation: Situation) -> tuple[Object, ...]:
    world = situation.world
    told = ("spec.pinRevision", "status.previousRevision", "status.currentRevision.number")
    needed = {
        *(number for path in told if isinstance(number := find(world.config, path), int)),
        *(run.revision.number for run in situation.lineup.runs),
        *(revision.number for revision in (situation.target, situation.current and situation.current[0]) if revision),
    }
    return history.expired(world.config, world.observed.revisions, needed, world.configuration.history)


def _jobs(world: World) -> list[Object]:
    return [each for (kind, _), each in world.children.items() if kind == "Job"]


def _is_looking(situation: Situation, job: Object) -> bool:
    if not situation.intake.inspect:
        return False
    wanted = inspect_job(situation.world.config, situation.world.configuration)
    if job["metadata"]["name"] != wanted["metadata"]["name"]:
        return False
    left = _age_left(situation.world, job)
    return left is None or left > timedelta() or not isinstance(situation.intake.obstacle, Finding)


def _age_left(world: World, job: Object) -> timedelta | None:
    """How long the answer of a Job still counts; None while it is looking."""
    ended = [condition(job, kind) for kind in ("Complete", "Failed")]
    times = [moment(each.get("lastTransitionTime")) for each in ended if each.get("status") == "True"]
    return next((time + LOOK_AGAIN - world.now for time in times if time), None)


def _delete(thing: Object, why: str) -> Delete:
    metadata = thing["metadata"]
    return Delete(
        api_version=thing["apiVersion"],
        kind=thing["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        why=why,
    )
