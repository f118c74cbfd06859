"""What every kind of source is asked with, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.plan.observed import SourceFacts
from plimsoll.weights.client import Client
from plimsoll.weights.credentials import Credential
from plimsoll.weights.model_files import ModelFiles, ModelReader


@dataclass(frozen=True, slots=True)
class Asking:
    """One read. `known` is what the same request was told last time."""

    client: Client
    models: ModelReader
    credential: Credential | None = None
    sha256: str | None = None
    known: ModelFiles | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """`files` can be given back as `known`; None for a repository whose headers are not read."""

    facts: SourceFacts
    files: ModelFiles | None = None


def facts_of(found: ModelFiles, identity: str) -> SourceFacts:
    return SourceFacts(identity, found.files, found.model, found.unsized)
