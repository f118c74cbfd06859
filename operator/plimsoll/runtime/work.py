"""What the engine's thread does all day: take requests in, and go one step on with all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from plimsoll.runtime.requests import Delta, Finish, Job
from plimsoll.runtime.statistics import Counters
from plimsoll.runtime.waiting import WaitingRoom

Outcomes: TypeAlias = list[tuple[Job, Delta]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What both kinds of work are given."""

    room: WaitingRoom
    clock: Callable[[], float]
    counters: Counters


class Work(Protocol):
    """Writing text or making vectors. Everything but the two counts is for the engine's thread alone."""

    @property
    def busy(self) -> int:
        """Requests at work."""

    @property
    def cache_tokens_used(self) -> int: ...

    def warm_up(self) -> None:
        """Computes once what the first request would otherwise wait for."""

    def admit(self, job: Job) -> bool:
        """False: there is no place at present."""

    def step(self) -> Outcomes: ...

    def end_all(self, finish: Finish, error: str | None = None) -> Outcomes: ...

    def close(self) -> None: ...
