"""Records added up by something that they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plimsoll.cost.record import CountSource, Record, Tokens
from plimsoll.ledger.by import By

_BILLION = 1_000_000_000


@dataclass(slots=True)
class Sum:
    # A request has one record for each attempt, and each attempt may have used tokens.
    requests: int = 0
    attempts: int = 0
    # Attempts whose tokens nobody said who knows them.
    inexact: int = 0
    seconds: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)

    def add(self, record: Record) -> None:
        self.requests += record.attempt == 1
        self.attempts += 1
        self.inexact += record.source in {CountSource.COUNTED, CountSource.ESTIMATED}
        self.seconds += record.seconds
        self.tokens += record.tokens


class Sums:
    def __init__(self, by: By) -> None:
        self._name = NAMES[by]
        self.total = Sum()
        self.parts: dict[str, Sum] = {}

    def add(self, record: Record) -> None:
        self.total.add(record)
        self.parts.setdefault(self._name(record), Sum()).add(record)


def started(record: Record) -> datetime:
    seconds, rest = divmod(record.started_ns, _BILLION)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


# What stands for all records that have it in common; a key is unique only together with its namespace, as a model is.
NAMES: Mapping[By, Callable[[Record], str]] = {
    By.MODEL: lambda record: f"{record.namespace}/{record.model}",
    By.TEAM: lambda record: record.team,
    By.KEY: lambda record: record.key,
    By.OPERATION: lambda record: record.operation,
    By.OUTCOME: lambda record: record.outcome,
    By.BACKEND: lambda record: record.backend,
    By.DAY: lambda record: started(record).date().isoformat(),
}
