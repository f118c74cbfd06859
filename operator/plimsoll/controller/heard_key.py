"""A ModelKey as it was last heard of."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from plimsoll.api import kinds
from plimsoll.api.modelkey import ModelKeySpec
from plimsoll.api.validate import validate
from plimsoll.cluster.kinds import MODEL_KEY, Object
from plimsoll.plan.observed import Key

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class HeardKey:
    """`spec` is None where this version of the operator cannot read it; `problem` says why."""

    uid: str
    version: int
    generation: int
    created: str
    spec: ModelKeySpec | None
    problem: str
    status: Object

    @property
    def hashes(self) -> frozenset[str]:
        """What it claims."""
        if self.spec is None:
            return frozenset()
        return frozenset((self.spec.hash, *([self.spec.previous.hash] if self.spec.previous else [])))

    def says_the_same(self, other: HeardKey) -> bool:
        return (self.uid, self.generation, self.spec, self.status) == (
            other.uid,
            other.generation,
            other.spec,
            other.status,
        )


def key_of(seen: Object) -> Key:
    return Key(seen["metadata"]["namespace"], seen["metadata"]["name"])


def heard(seen: Object) -> HeardKey:
    metadata = seen["metadata"]
    spec, problem = _read(seen)
    return HeardKey(
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        generation=int(metadata.get("generation", 0)),
        created=metadata["creationTimestamp"],
        spec=spec,
        problem=problem,
        status=seen.get("status") or {},
    )


def _read(seen: Object) -> tuple[ModelKeySpec | None, str]:
    try:
        return ModelKeySpec.model_validate(seen.get("spec")), ""
    except ValidationError:
        document = {
            "apiVersion": MODEL_KEY.api_version,
            "kind": MODEL_KEY.name,
            "metadata": {"name": seen["metadata"]["name"]},
            "spec": seen.get("spec"),
        }
        problems = validate(document, kinds.MODEL_KEY)[:_SHOWN]
        return None, "; ".join(f"{each.field}: {each.message}" for each in problems)
