"""Waiting until something is true, with a deadline and words for when it never comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5


class NeverHappenedError(AssertionError):
    """A condition stayed false until its deadline."""


def wait_until(
    condition: Callable[[], Result],
    seconds: float,
    message: str | Callable[[], str],
    longest_pause: float = _LONGEST_PAUSE,
) -> Result:
    """The first true answer of the condition; exceptions of the condition go through at once."""
    deadline = time.monotonic() + seconds
    pause = min(_FIRST_PAUSE, longest_pause)
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            told = message if isinstance(message, str) else message()
            raise NeverHappenedError(f"not within {seconds:g} s: {told}")
        time.sleep(pause)
        pause = min(pause * 1.5, longest_pause)
