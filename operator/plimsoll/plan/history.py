"""The revisions of a model as objects of the cluster: written once, read in every pass, and bounded in number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from plimsoll.api import names
from plimsoll.api.normal import AT_ONCE, behaviour_hash, of_revision, workload_hash
from plimsoll.api.rules.rule import find
from plimsoll.api.status import Sizing
from plimsoll.api.validate import Problem, validate
from plimsoll.plan.objects import child
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision, Workload

API_VERSION, KIND = "apps/v1", "ControllerRevision"


def to_object(config: Object, revision: Revision) -> Object:
    """A ControllerRevision, which the API server lets nobody change."""
    made = child(
        config, API_VERSION, KIND, names.revision_name(config["metadata"]["name"], revision.number), "revision"
    )
    made["metadata"]["labels"][names.LABEL_REVISION] = str(revision.number)
    data = {
        "spec": revision.spec,
        "behaviour": revision.behaviour,
        "declared": _workload_to(revision.declared),
        "fallback": _workload_to(revision.fallback),
        "resolved": revision.resolved,
        "acceptedAt": revision.accepted_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "author": revision.author,
        "gitRevision": revision.git_revision,
    }
    given = {key: value for key, value in data.items() if value is not None}
    return {**made, "revision": revision.number, "data": given}


def from_object(stored: Object) -> Revision | None:
    """None for what is no revision that this version can read; its number is taken all the same."""
    data = stored.get("data")
    if not isinstance(data, dict):
        return None
    try:
        return Revision(
            number=stored["revision"],
            behaviour=data["behaviour"],
            spec=dict(data["spec"]),
            accepted_at=datetime.fromisoformat(data["acceptedAt"]),
            author=data.get("author"),
            git_revision=data.get("gitRevision"),
            declared=_workload_from(data.get("declared")),
            fallback=_workload_from(data.get("fallback")),
            resolved=dict(data.get("resolved", {})),
        )
    except (KeyError, TypeError, ValueError, ValidationError):
        return None


def read_history(config: Object, stored: Iterable[Object]) -> tuple[Revision, ...]:
    """Those of this very object that can be read, the oldest first."""
    revisions = (from_object(each) for each in stored if is_owned(each, config))
    return tuple(sorted((each for each in revisions if each), key=lambda revision: revision.number))


def next_number(config: Object, stored: Iterable[Object]) -> int:
    """One more than every number that was ever given, also when its revision is gone."""
    told = find(config, "status.latestRevision")
    given = [each.get("revision") for each in stored if is_owned(each, config)] + [told]
    return max((number for number in given if isinstance(number, int)), default=0) + 1


def is_owned(child_object: Object, config: Object) -> bool:
    """Whether this very ModelConfig is the controller, not another one that had its name."""
    references = child_object["metadata"].get("ownerReferences", ())
    return any(each.get("controller") and each.get("uid") == config["metadata"]["uid"] for each in references)


def needs_source(config: Object, revisions: Iterable[Object]) -> bool:
    """Whether the spec cannot become a revision before somebody has looked at the header of its weights.

    A change of policy alone, and a way back to pods that the history still has, work while the source is away.
    """
    spec, history = config["spec"], read_history(config, revisions)
    if is_recorded(spec, history) or problems_of(config) or "source" not in spec:
        return False
    is_new = not history or behaviour_hash(spec) != history[-1].behaviour
    return is_new and not is_inherited(spec, history)


def problems_of(config: Object) -> list[Problem]:
    """Why this spec cannot be taken at all: the API server may be bound to older rules than ours."""
    metadata = {"name": config["metadata"]["name"]}
    return validate({"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": config["spec"]})


def problems_beside_revisions(config: Object) -> list[Problem]:
    """Why what acts at once cannot be taken; of the rest a revision that is recorded has nothing to prove again."""
    own = [field for field in AT_ONCE if field in config["spec"]]
    # Most specs have none of these, and this is asked in every pass.
    found = problems_of(config) if own else []
    return [each for each in found if each.field.removeprefix("spec.").partition(".")[0] in own]


def is_recorded(spec: Object, history: Sequence[Revision]) -> bool:
    """Whether the newest revision is of this very text."""
    return bool(history) and of_revision(spec) == history[-1].spec


def is_inherited(spec: Object, history: Sequence[Revision]) -> bool:
    """Whether the pods of this spec were all rendered before, and are taken over as they are."""
    stored = {each.hash for revision in history for each in (revision.declared, revision.fallback) if each}
    fallback = find(spec, "hardware.fallback.to")
    wanted = [workload_hash(spec), *([workload_hash(spec, fallback)] if fallback else [])]
    return all(each in stored for each in wanted)


def expired(config: Object, stored: Sequence[Object], needed: Collection[int], limit: int) -> tuple[Object, ...]:
    """The oldest beyond `limit`; those whose number is needed stay, and count."""
    ours = sorted((each for each in stored if is_owned(each, config)), key=lambda each: each.get("revision", 0))
    surplus = max(0, len(ours) - limit)
    droppable = [each for each in ours[:-1] if each.get("revision") not in needed and from_object(each)]
    return tuple(droppable[:surplus])


def _workload_to(workload: Workload | None) -> Object | None:
    if workload is None:
        return None
    made: Object = {
        "hash": workload.hash,
        "profile": workload.profile,
        "onGpu": workload.on_gpu,
        "image": workload.image,
        "template": workload.template,
        "argumentsHash": workload.arguments_hash,
    }
    if workload.sizing:
        made["sizing"] = workload.sizing.model_dump(mode="json", by_alias=True, exclude_none=True)
    return made


def _workload_from(data: Any) -> Workload | None:
    if data is None:
        return None
    return Workload(
        hash=data["hash"],
        profile=data["profile"],
        on_gpu=data["onGpu"],
        image=data["image"],
        template=dict(data["template"]),
        arguments_hash=data["argumentsHash"],
        sizing=Sizing.model_validate(data["sizing"]) if "sizing" in data else None,
    )
