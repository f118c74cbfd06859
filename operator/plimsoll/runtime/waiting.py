"""The waiting room: how much may wait, and how long whoever finds it full should stay away."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_LONGEST_RETRY_SECONDS = 60


class Busy(Exception):
    """There is no room for another request. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"The waiting room is full. Try again in {retry_after} s.")
        self.retry_after = retry_after


class Draining(Exception):
    """This engine is about to end and takes nothing new."""

    def __init__(self) -> None:
        super().__init__("This engine is shutting down and takes no new requests.")


@dataclass(slots=True)
class Average:
    """A mean that forgets: a new value counts a fifth."""

    value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + (value - self.value) / 5


@dataclass(slots=True)
class WaitingRoom:
    """Two bounds. Every request takes a seat, from before its prompt is known until it is finished.

    `seats` may wait beside one for each slot. The prompts that wait may take no longer than
    `longest_wait` seconds to read at the speed that was measured, unless nobody else waits.
    Seats are counted by the thread of the event loop alone, tokens under the engine's lock.
    """

    slots: int
    seats: int
    longest_wait: float
    taken: int = 0
    waiting_tokens: int = 0
    service_seconds: Average = field(default_factory=Average)
    prompt_token_seconds: Average = field(default_factory=Average)

    def check(self, count: int) -> None:
        if self.taken + count > self.slots + self.seats:
            raise Busy(self.retry_after())

    def take(self, count: int) -> None:
        self.check(count)
        self.taken += count

    def give_back(self, count: int) -> None:
        self.taken -= count

    def enter(self, tokens: int, *, slot_is_free: bool = False) -> None:
        """A prompt of this many tokens begins to wait; only for the step that runs, where a slot is free for it."""
        speed = self.prompt_token_seconds.value or 0.0
        too_long = bool(self.waiting_tokens) and (self.waiting_tokens + tokens) * speed > self.longest_wait
        if too_long and not slot_is_free:
            raise Busy(self.retry_after())
        self.waiting_tokens += tokens

    def leave(self, tokens: int) -> None:
        """It waits no longer: it has a slot, or was given up."""
        self.waiting_tokens -= tokens

    def retry_after(self) -> int:
        """About when those who wait now have been served."""
        ahead = max(1, self.taken - self.slots)
        seconds = (self.service_seconds.value or 1.0) * ahead / self.slots
        return min(_LONGEST_RETRY_SECONDS, max(1, math.ceil(seconds)))
