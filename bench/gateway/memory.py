"""What the gateway's process holds: with many streams, and after a long time of everything."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from bench.frame.runner import Record
from bench.gateway.load import Load, Report
from bench.gateway.stand import Side
from bench.gateway.streams import Flow

_LOOK_SECONDS = 1.0


class ManyStreams:
    ROW = "memory"
    STREAMS = 1000

    def __init__(self, ours: Side, flow: Flow) -> None:
        self._ours = ours
        self._flow = flow

    def measure(self, record: Record) -> None:
        """The most that it ever held, in a process that nothing else was asked of."""
        self._ours.stand.only([])
        self._ours.stand.only([self._ours])
        self._ours.play(self._flow.load(self.STREAMS))
        record(self.ROW, self._ours.server.peak_bytes())


@dataclass(frozen=True)
class Lengths:
    """In seconds; what is compared are the averages of the first and the last `ends` after it is warm."""

    warm: float
    whole: float
    ends: float


class Soak:
    """Streams and answers in one piece side by side. Windows of limits are full, and pools grown, when it is warm."""

    ROW = "soak"

    def __init__(self, ours: Side, flow: Flow, rate: float, lengths: Lengths) -> None:
        self._ours = ours
        self._flow = flow
        self._rate = rate
        self._lengths = lengths

    def measure(self, record: Record) -> None:
        self._ours.stand.only([])
        self._ours.stand.only([self._ours])
        lengths = self._lengths
        with ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(self._ours.play, load) for load in self._loads()]
            held = sampled(self._ours.server.resident_bytes, lengths.warm + lengths.whole, loads)
            for each in loads:
                each.result()
        record(self.ROW, growth(held, lengths))

    def _loads(self) -> list[Load]:
        whole = self._lengths.warm + self._lengths.whole
        streams = self._flow.load(round(self._flow.seconds * self._rate / 10))
        return [
            Load(whole, rate=self._rate),
            Load(whole, rate=streams.rate, connections=streams.connections, stream=True, events=streams.events),
        ]


Held = list[tuple[float, int]]


def sampled(look: Callable[[], int], seconds: float, loads: list[Future[Report]]) -> Held:
    """Seconds since the beginning, and bytes. A load that breaks ends it."""
    began, held = time.monotonic(), Held()
    while (now := time.monotonic() - began) < seconds and not all(each.done() for each in loads):
        held.append((now, look()))
        time.sleep(_LOOK_SECONDS)
    return held


def growth(held: Held, lengths: Lengths) -> float:
    end = lengths.warm + lengths.whole
    first = [size for at, size in held if lengths.warm <= at < lengths.warm + lengths.ends]
    last = [size for at, size in held if end - lengths.ends <= at]
    return max(0.0, statistics.fmean(last) - statistics.fmean(first))
