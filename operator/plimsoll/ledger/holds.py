"""What a call takes of limits: held before it begins, settled when it is known, freed when nobody settles it.

Times are nanoseconds of a clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from plimsoll.routing.limits import Limits


class Kind(StrEnum):
    KEY = "key"
    TEAM = "team"
    MODEL = "model"


class Measure(StrEnum):
    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"


class Scope(NamedTuple):
    """Whom a limit is for. Names are unique within a kind: namespace/name, or the team."""

    kind: Kind
    name: str


class Limited(NamedTuple):
    scope: Scope
    limits: Limits


class Counter(NamedTuple):
    """What is counted apart from everything else."""

    scope: Scope
    measure: Measure


class Ask(Struct, frozen=True):
    """One request with the most tokens that it can take, and everything that limits it.

    `lasting` is longer than the request can be: whoever has not settled it then never will.
    """

    request: str
    tokens: int
    limited: tuple[Limited, ...]
    lasting: int


# What is left of a limit, and the limit: the less is left, the smaller it is.
Room = tuple[int, int]


@dataclass(slots=True)
class Granted:
    request: str
    # Of several limits on the same the one of which least is left, now that this was granted.
    left: Mapping[Measure, Room] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is held. `counter` is what takes longest, `limit` what it may count in all gateways together."""

    request: str
    counter: Counter
    limit: int
    # Until it would be let in if nobody else came. None where that depends on when others end, or where it never is.
    retry_after: int | None
    # The request alone takes more than may ever pass, here or at all.
    hopeless: bool
    # Everything that is full.
    full: frozenset[Counter]


class Left(NamedTuple):
    counter: Counter
    limit: int
    # Of the part of this gateway.
    left: int


class Holds(Protocol):
    """Nothing here waits: what cannot be had now is refused at once."""

    def hold(self, ask: Ask, now: int) -> Granted | Refused:
        """Everything that it needs, or nothing of it."""

    def settle(self, request: str, tokens: int) -> bool:
        """What it took in truth; the rest is free again. False where nothing is held, as after the first time."""

    def expire(self, now: int) -> list[str]:
        """Frees what should have been settled long ago, and names those requests."""

    def left(self, limited: Sequence[Limited], now: int) -> list[Left]:
        """Of every limit."""


def limit_of(limits: Limits, measure: Measure) -> int | None:
    match measure:
        case Measure.REQUESTS:
            return limits.requests
        case Measure.TOKENS:
            return limits.tokens
        case Measure.CONCURRENCY:
            return limits.concurrency


def counters_of(limited: Sequence[Limited]) -> frozenset[Counter]:
    """Everything that is limited."""
    return frozenset(
        Counter(each.scope, measure)
        for each in limited
        for measure in Measure
        if limit_of(each.limits, measure) is not None
    )
