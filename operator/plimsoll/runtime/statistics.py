"""What the engine counts while it works."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from plimsoll.runtime.requests import Finish


@dataclass(slots=True)
class Counters:
    """Written by the engine's thread alone. Tokens are counted when they are evaluated or sampled, not when told."""

    prompt_tokens: int = 0  # evaluated or reused
    cached_tokens: int = 0  # reused
    completion_tokens: int = 0
    steps: int = 0
    # Steps in which answers went on: how many tokens that made, and how long it took.
    decode_tokens: int = 0
    decode_seconds: float = 0.0
    # Inside llama.cpp, and in all while there was work: the difference is our own.
    library_seconds: float = 0.0
    busy_seconds: float = 0.0
    finished: Counter[Finish] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Statistics:
    """One look at the engine. The counts only grow."""

    slots: int
    slots_busy: int
    waiting: int
    cache_tokens_used: int
    cache_tokens: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    steps: int
    decode_tokens: int
    decode_seconds: float
    library_seconds: float
    busy_seconds: float
    finished: dict[Finish, int]
    last_progress: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When something was last got done, and whether there is anything to do."""

    progress_at: float
    working: bool

    def stuck(self, now: float, patience: float) -> bool:
        """A long queue is no reason, and neither is a long silence with nothing to do."""
        return self.working and now - self.progress_at > patience
