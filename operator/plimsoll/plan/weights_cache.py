"""The cache of a namespace: a claim with a folder for each source, so that weights are fetched once for all pods.

docs/engine-contract.md has the layout, and why a list of folders that has become old never takes one that is in use.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from plimsoll.api.rules.rule import find
from plimsoll.plan.observed import Object

MODELS = "/models"
_KEY_DIGITS = 32
_TO = re.compile(rf"--to={MODELS}/([0-9a-f]{{{_KEY_DIGITS}}})")


@dataclass(frozen=True, slots=True)
class Cache:
    """`kept` are the folders that workloads of the namespace used at the time `kept_at`."""

    claim: str
    kept: tuple[str, ...]
    kept_at: datetime

    @property
    def arguments(self) -> Iterator[str]:
        yield f"--cache={MODELS}"
        for folder in self.kept:
            yield f"--keep={folder}"
        yield f"--kept-at={self.kept_at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def key_of(source: str, identity: str | None) -> str:
    """The folder of a source, by the text that fetch is told and what the source was when the spec was accepted."""
    return hashlib.sha256(f"{source}\0{identity or ''}".encode()).hexdigest()[:_KEY_DIGITS]


def folder_used_by(thing: Object) -> str | None:
    """The folder of the cache that the pods of a Deployment use, or a pod; None for whatever uses none."""
    pod = find(thing, "spec.template.spec") or thing.get("spec") or {}
    arguments = (argument for container in pod.get("initContainers") or () for argument in container.get("args") or ())
    return next((found[1] for argument in arguments if (found := _TO.fullmatch(argument))), None)
