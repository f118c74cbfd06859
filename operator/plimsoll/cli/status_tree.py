"""`plimsoll status`: a model as a tree, from what is declared to the pods, with the reason at each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption
from plimsoll.cli.reaching import Name, Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.answers import ConditionAnswer, PodAnswer, RevisionStateAnswer, StatusAnswer, WorkloadAnswer
    from plimsoll.plan.revision import Revision
    from plimsoll.plan.world import Running, World


@grouped
def status(where: Where, name: Name, output: FormatOption = Format.TABLE) -> None:
    """Show a model from its spec down to its pods, and why not.

    \b
    plimsoll status chat
    """
    from plimsoll.cli.drawing import draw
    from plimsoll.cli.output import structured, write

    async def question(reached: Reached) -> StatusAnswer:
        return answer_of(await _world(reached, name))

    answer = asked(where, question)
    if output == Format.TABLE:
        draw(answer, datetime.now(UTC))
    else:
        write(structured(answer.data(), output))


async def _world(reached: Reached, name: str) -> World:
    """The live objects, as the planner sees them."""
    from plimsoll.api.configuration import Images, OperatorConfiguration
    from plimsoll.api.names import LABEL_MODELCONFIG
    from plimsoll.cluster.kinds import DEPLOYMENT, POD, REVISION, SERVICE
    from plimsoll.plan.history import read_history
    from plimsoll.plan.observed import Observed
    from plimsoll.plan.world import World

    config = await reached.model_config(name)
    label = f"{LABEL_MODELCONFIG}={name}"
    deployments, services, revisions, pods = [
        await reached.client.list(kind, reached.namespace, label) for kind in (DEPLOYMENT, SERVICE, REVISION, POD)
    ]
    observed = Observed(config, tuple(revisions), (*deployments, *services), tuple(pods))
    # What the operator would do is not asked here, so its configuration does not matter.
    configuration = OperatorConfiguration(images=Images(plimsoll="none:0"))
    return World(observed, read_history(config, revisions), configuration, datetime.now(UTC))


def answer_of(world: World) -> StatusAnswer:
    from plimsoll.cli.answers import StatusAnswer

    metadata, told = world.config["metadata"], world.config.get("status") or {}
    return StatusAnswer(
        namespace=metadata["namespace"],
        name=metadata["name"],
        model=told.get("model"),
        url=told.get("url"),
        example=told.get("example"),
        current=told.get("observedGeneration") == metadata.get("generation"),
        conditions=tuple(_conditions(told)),
        revisions=tuple(_revisions(world)),
    )


def _conditions(told: Object) -> Iterator[ConditionAnswer]:
    from plimsoll.cli.answers import ConditionAnswer

    # Ready sums the others up.
    for each in sorted(told.get("conditions") or [], key=lambda each: each["type"] != "Ready"):
        yield ConditionAnswer(**{key: each.get(key, "") for key in ("type", "status", "reason", "message")})


def _revisions(world: World) -> Iterator[RevisionStateAnswer]:
    found: dict[int | None, list[WorkloadAnswer]] = {}
    for running in world.running.values():
        stored = world.stored(running.short)
        found.setdefault(stored[0].number if stored else None, []).append(_workload(world, running))
    known = {revision.number: revision for revision in world.history}
    newest = max(known, default=None)
    wanted = {number for number in (newest, world.config["spec"].get("pinRevision")) if number in known}
    for number in sorted({*found, *wanted}, key=lambda each: -(each or 0)):
        yield _revision(world, known.get(number or 0), found.get(number, []))


def _revision(world: World, revision: Revision | None, workloads: list[WorkloadAnswer]) -> RevisionStateAnswer:
    from plimsoll.cli.answers import RevisionStateAnswer

    current = (world.config.get("status") or {}).get("currentRevision") or {}
    serving = any(each.serving for each in workloads)
    if revision is None:
        return RevisionStateAnswer(serving=serving, newest=False, pinned=False, workloads=tuple(workloads))
    return RevisionStateAnswer(
        number=revision.number,
        # A model of a provider has no workload that could serve.
        serving=serving or (revision.declared is None and current.get("number") == revision.number),
        newest=revision is world.history[-1],
        pinned=world.config["spec"].get("pinRevision") == revision.number,
        accepted_at=revision.accepted_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        author=revision.author,
        git_revision=revision.git_revision,
        workloads=tuple(workloads),
    )


def _workload(world: World, running: Running) -> WorkloadAnswer:
    from plimsoll.api.names import workload_name
    from plimsoll.cli.answers import TroubleAnswer, WorkloadAnswer
    from plimsoll.plan.trouble import find_shortfall

    stored = world.stored(running.short)
    trouble = find_shortfall(running.deployment, running.pods, world.now)
    return WorkloadAnswer(
        name=workload_name(world.name, running.short),
        hardware=stored[1].profile if stored else None,
        fallback=stored is not None and stored[1] is stored[0].fallback,
        serving=world.serving == running.short,
        replicas=running.replicas,
        ready_replicas=len(running.ready),
        trouble=TroubleAnswer(reason=trouble.reason, message=trouble.message, fix=trouble.reason.fix)
        if trouble
        else None,
        pods=tuple(
            _pod(pod, world.now) for pod in sorted(running.pods, key=lambda each: str(each["metadata"]["name"]))
        ),
    )


def _pod(pod: Object, now: datetime) -> PodAnswer:
    from plimsoll.api.reasons import Reason
    from plimsoll.cli.answers import PodAnswer
    from plimsoll.plan.pod_state import containers_of, is_ending, is_ready
    from plimsoll.plan.stages import stage_of
    from plimsoll.plan.trouble import find_trouble

    ready = is_ready(pod)
    stage = Reason.SERVING if ready else Reason.DRAINING if is_ending(pod) else stage_of([pod])
    trouble = find_trouble(None, [pod], now)
    words = {Reason.SERVING: "It can take calls.", Reason.DRAINING: "It finishes its requests before it stops."}
    return PodAnswer(
        name=pod["metadata"]["name"],
        ready=ready,
        reason=trouble.reason if trouble else stage,
        message=trouble.told if trouble else words.get(stage, stage.meaning),
        restarts=sum(int(each.status.get("restartCount") or 0) for each in containers_of(pod)),
        node=pod["spec"].get("nodeName"),
    )
