"""Everything that one pass knows of a model: read first, then only thought about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from plimsoll.plan.finding import Finding
from plimsoll.plan.sizing_model import Model

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """All that travels through the queue: what an event said may be stale, so a pass looks by itself."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the weights: its path at the source, and its size in bytes where the source tells it."""

    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the source said when it was asked. A revision keeps `identity`, so that it never means other weights.

    `model` is what sizing needs to know; None for a repository of safetensors, which vllm sizes by itself, and for a
    file that was read but that nobody has a formula for: then `unsized` says why.
    """

    identity: str  # commit:<40 hex>, etag:<value>, sha256:<64 hex>, image:<digest>, or path:<path> on a claim
    files: tuple[SourceFile, ...]
    model: Model | None = None
    unsized: str = ""

    @property
    def size(self) -> int | None:
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


@dataclass(frozen=True, slots=True)
class SourcePending:
    """Nobody knows yet; the pass runs again as soon as somebody does."""

    message: str


SourceState = SourceFacts | SourcePending | Finding


class Proof(Enum):
    """What a ready pod answered to a first request."""

    RUNNING = "running"
    GIVEN = "given"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ProofResult:
    proof: Proof
    message: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """The objects are as the API server has them; `children` are those with our label beside pods and revisions."""

    config: Object
    revisions: tuple[Object, ...] = ()
    children: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    # None when the pass has no need of it: the spec is that of the newest revision, or names a provider.
    source: SourceState | None = None
    # Secrets and claims that the spec names and that cannot be used, as of the last look.
    missing: tuple[Finding, ...] = ()
    # Objects that have a name we need and are not ours, as (kind, name).
    taken: frozenset[tuple[str, str]] = frozenset()
    # By the uid of the pod.
    proofs: Mapping[str, ProofResult] = field(default_factory=dict)
    # Folders of the weights cache that are used in this namespace.
    cached: tuple[str, ...] = ()
    # Words of the API server for an object that it refused in an earlier pass, as (kind, name) -> words.
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # Read from the API server for this pass, not from what watches told: nothing is removed on less.
    fresh: bool = False

    @property
    def key(self) -> Key:
        return Key(self.config["metadata"]["namespace"], self.config["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a pass, and the generation of the object that it looked at."""

    now: datetime
    generation: int
