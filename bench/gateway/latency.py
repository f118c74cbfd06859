"""What the gateway adds to the time of an answer, and what large prompts add to the time of small ones."""

from __future__ import annotations

from dataclasses import replace

from bench.frame.runner import Record
from bench.gateway.load import Load
from bench.gateway.stand import Direct, Side


def added(through: float, direct: float) -> float:
    """Where it is lost in the noise there is nothing to see."""
    return max(0.0, through - direct)


class OneAtATime:
    ROW = "latency-one"

    def __init__(self, ours: Side, peer: Side, direct: Direct, seconds: float) -> None:
        self._ours = ours
        self._peer = peer
        self._direct = direct
        self._load = Load(seconds, warm_up=0.5, connections=1)

    def ours(self, record: Record) -> None:
        self._measure(self._ours, record)

    def peer(self, record: Record) -> None:
        self._measure(self._peer, record)

    def _measure(self, side: Side, record: Record) -> None:
        side.stand.only([self._ours, self._peer, self._direct])
        direct, through = (each.play(self._load).small.p50 for each in (self._direct, side))
        record(self.ROW, added(through, direct))


def most(side: Side, seconds: float) -> float:
    """Requests a second that it answers when it is always asked again."""
    return side.play(Load(seconds)).per_second


class Busy:
    """At a part of its own maximum, which is found anew each time."""

    ROW = "latency-60"
    SHARE = 0.6

    def __init__(self, ours: Side, direct: Direct, seconds: float) -> None:
        self._ours = ours
        self._direct = direct
        self._seconds = seconds

    def measure(self, record: Record) -> None:
        self._ours.stand.only([self._ours, self._direct])
        load = Load(self._seconds, rate=self.SHARE * most(self._ours, self._seconds / 2))
        direct, through = (each.play(load).small.p99 for each in (self._direct, self._ours))
        record(self.ROW, added(through, direct))


class Mixed:
    """Each tenth prompt is a large one, or none is; the small ones are asked for at the same rate."""

    ROW = "mixed"
    # With the large ones, about half of what it can do.
    SHARE = 0.3

    def __init__(self, ours: Side, seconds: float) -> None:
        self._ours = ours
        self._seconds = seconds
        self._rate: float | None = None

    def with_large(self, record: Record) -> None:
        self._measure(10, record)

    def without(self, record: Record) -> None:
        self._measure(0, record)

    def _measure(self, large_every: int, record: Record) -> None:
        self._ours.stand.only([self._ours])
        if self._rate is None:
            self._rate = self.SHARE * most(self._ours, self._seconds / 2)
        load = Load(self._seconds, rate=self._rate)
        record(self.ROW, self._ours.play(replace(load, large_every=large_every)).small.p99)
