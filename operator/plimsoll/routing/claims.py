"""Which key opens which hash: one alone for each, whoever else claims it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.api.modelkey import ModelKeySpec, seconds_of
from plimsoll.api.teams import Team, teams_of
from plimsoll.routing.document import Key
from plimsoll.routing.naming import EVERY_MODEL
from plimsoll.routing.resolving import limits_of


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A ModelKey that the API server took."""

    namespace: str
    name: str
    spec: ModelKeySpec
    created: str  # metadata.creationTimestamp
    # status.hashes: what it opened before.
    held: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def hashes(self) -> tuple[str, ...]:
        return (self.spec.hash, *([self.spec.previous.hash] if self.spec.previous else []))


@dataclass(frozen=True, slots=True)
class TeamNotAllowed:
    """The namespace may not charge this team; None where it may charge nobody."""

    team: str | None
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HashTaken:
    """Another ModelKey opens this hash already."""

    by: str


Refusal = TeamNotAllowed | HashTaken


@dataclass(frozen=True, slots=True)
class Claims:
    opened: Mapping[str, Key]  # by hash
    refused: Mapping[str, Refusal]  # by namespace/name


def settle(keys: Iterable[KeyFacts], teams: Sequence[Team]) -> Claims:
    """Whoever can read the hash of another key must not be able to take it over, or to shut it out."""
    known = tuple(keys)
    refused: dict[str, Refusal] = {}
    charged: dict[str, str] = {}
    for key in known:
        allowed = teams_of(key.namespace, teams)
        team = key.spec.team or next(iter(allowed), None)
        if team is None or team not in allowed:
            refused[key.full_name] = TeamNotAllowed(team, allowed)
        else:
            charged[key.full_name] = team
    holders = _holders(key for key in known if key.full_name in charged)
    opened: dict[str, Key] = {}
    for key in known:
        if key.full_name not in charged:
            continue
        holder = holders[key.spec.hash]
        if holder is not key:
            refused[key.full_name] = HashTaken(holder.full_name)
            continue
        mine = [digest for digest in key.hashes if holders[digest] is key]
        opened.update(_opened(key, charged[key.full_name], mine))
    return Claims(opened, refused)


def _holders(keys: Iterable[KeyFacts]) -> dict[str, KeyFacts]:
    """Who had a hash before keeps it; of two that are new, the object that is there for longer gets it."""
    holders: dict[str, KeyFacts] = {}
    for key in sorted(keys, key=lambda each: (each.created, each.full_name)):
        for digest in key.hashes:
            holder = holders.get(digest)
            if holder is None or (digest in key.held and digest not in holder.held):
                holders[digest] = key
    return holders


def _opened(key: KeyFacts, team: str, hashes: Iterable[str]) -> Iterator[tuple[str, Key]]:
    spec = key.spec
    for digest in hashes:
        replaced = spec.previous if spec.previous and digest != spec.hash else None
        yield (
            digest,
            Key(
                name=key.name,
                namespace=key.namespace,
                team=team,
                models=_models(spec, key.namespace),
                limits=limits_of(spec.limits),
                expires_at=seconds_of(spec.expires_at) if spec.expires_at else None,
                suspended=spec.suspended,
                valid_until=seconds_of(replaced.valid_until) if replaced else None,
            ),
        )


def _models(spec: ModelKeySpec, namespace: str) -> tuple[str, ...]:
    if spec.models is None:
        return (EVERY_MODEL,)
    return tuple(sorted(each if "/" in each else f"{namespace}/{each}" for each in spec.models))
