"""Limits as the gateway holds them: for a key, a team or a model alike."""

from __future__ import annotations

from typing import Literal

from plimsoll.routing.entry import Entry

WhenFull = Literal["refuse", "wait"]


class Limits(Entry, frozen=True, kw_only=True):
    """What all gateways together let through; each enforces its part. None is no limit."""

    requests: int | None = None
    tokens: int | None = None
    # Of the sliding window in which requests and tokens are counted.
    window_seconds: float = 60.0
    concurrency: int | None = None
    when_full: WhenFull = "refuse"
    # How many may wait; 0 where they are refused.
    queue: int = 0


NO_LIMITS = Limits()
