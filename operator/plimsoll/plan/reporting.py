"""The status of a model: what its conditions say, and what serves in numbers and names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from plimsoll.api import names
from plimsoll.api.conditions import Condition, Statement, set_condition
from plimsoll.api.rules.rule import find
from plimsoll.api.status import ModelConfigStatus, RevisionStatus
from plimsoll.plan.calling import example, gateway_url
from plimsoll.plan.observed import Object
from plimsoll.plan.readiness import statements
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.situation import Situation
from plimsoll.plan.written import written

_LONGEST_LINE = 1024


def report(situation: Situation) -> Object:
    """The whole status, as it is to be written; what is not known is left out."""
    world, current, newest = situation.world, situation.current, situation.intake.history[-1:]
    before = world.config.get("status") or {}
    generation = int(world.config["metadata"].get("generation", 0))
    said = _conditions(before.get("conditions") or (), statements(situation), generation, world.now)
    status = ModelConfigStatus(
        observed_generation=generation,
        conditions=said,
        current_revision=_current(current),
        previous_revision=_previous(before, current),
        latest_revision=max([each.number for each in newest] + _number(before, "latestRevision"), default=None),
        **_shown(situation),
        **_pods(situation),
    )
    return written(status)


def _conditions(
    before: Iterable[Object], now_said: Iterable[Statement], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Only those that hold now, with the time of their last change; whatever else was there is not ours."""
    known = {condition.type: condition for each in before if (condition := readable(each))}
    made: tuple[Condition, ...] = ()
    for each in now_said:
        same = [known[each.type.value]] if each.type.value in known else []
        made += set_condition(same, each, generation, now)
    return tuple(sorted(made, key=lambda condition: condition.type))


def readable(condition: Object) -> Condition | None:
    try:
        return Condition.model_validate(condition)
    except ValidationError:
        return None


def _current(current: tuple[Revision, Workload | None] | None) -> RevisionStatus | None:
    if current is None:
        return None
    revision, workload = current
    return RevisionStatus(
        number=revision.number,
        behaviour=revision.behaviour,
        workload=workload.hash if workload else None,
        accepted_at=revision.accepted_at,
        author=revision.author,
        git_revision=revision.git_revision,
    )


def _previous(before: Object, current: tuple[Revision, Workload | None] | None) -> int | None:
    """The one that served before the one that serves."""
    last = _number(before, "currentRevision.number")
    if last and current and last[0] != current[0].number:
        return last[0]
    return next(iter(_number(before, "previousRevision")), None)


def _number(before: Object, path: str) -> list[int]:
    found = find(before, path)
    return [found] if isinstance(found, int) and found > 0 else []


def _shown(situation: Situation) -> dict[str, Any]:
    """Of what serves; before anything does, of what is to."""
    world = situation.world
    revision, workload = situation.current or (situation.target, situation.awaited)
    spec = revision.spec if revision else {} if situation.intake.is_invalid else world.config["spec"]
    shown: dict[str, Any] = {"model": _model_line(spec), "engine": _engine(spec)}
    if revision is not None:
        url = gateway_url(world.configuration)
        full_name = f"{world.observed.key.namespace}/{world.name}"
        shown |= {"url": url, "example": example(url, full_name, revision.spec)}
    if workload is not None:
        shown |= {
            "engine_image": workload.image,
            "engine_arguments_hash": workload.arguments_hash,
            "hardware": workload.profile,
            "sizing": workload.sizing,
        }
    return shown


def _pods(situation: Situation) -> dict[str, Any]:
    """Of the workload that serves, so that an autoscaler counts what takes calls and nothing that only waits."""
    revision, workload = situation.current or (situation.target, situation.awaited)
    if workload is None or revision is None:
        return {}
    short = names.short(workload.hash)
    running = situation.world.running_as(short)
    return {
        "replicas": len(running.present),
        "ready_replicas": len(running.ready),
        "selector": f"{names.LABEL_MODELCONFIG}={situation.world.name},{names.LABEL_WORKLOAD}={short}",
    }


def _engine(spec: Object) -> str | None:
    if external := find(spec, "external.provider"):
        return str(external)
    return str(find(spec, "engine.name") or "llamacpp") if "source" in spec else None


def _model_line(spec: Object) -> str | None:
    """Without the query of an address, which may carry a secret; a password in it is refused by a rule."""
    if hub := find(spec, "source.huggingFace"):
        file = f"/{hub['file']}" if "file" in hub else ""
        line = f"{hub['repository']}@{hub.get('revision', 'main')}{file}"
    elif url := find(spec, "source.http.url"):
        parts = urlsplit(url)
        line = f"{parts.scheme}://{parts.netloc}{parts.path}"
    elif bucket := find(spec, "source.s3"):
        line = f"s3://{bucket['bucket']}/{bucket['key']}"
    elif claim := find(spec, "source.pvc"):
        line = f"pvc://{claim['claimName']}/{claim['path']}"
    elif packed := find(spec, "source.oci"):
        line = f"oci://{packed['image']}/{packed['path']}"
    elif external := find(spec, "external"):
        line = f"{external['provider']}/{external['model']}"
    else:
        return None
    return line[:_LONGEST_LINE]
