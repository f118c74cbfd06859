"""Many streams at once: whether they stand still, and how long the first word takes."""

from __future__ import annotations

from dataclasses import dataclass

from bench.frame.errors import BenchError
from bench.frame.runner import Record
from bench.gateway.latency import added
from bench.gateway.load import Load, Report
from bench.gateway.stand import Direct, Side

ROWS = ("streams", "streams-stalls", "streams-first-token", "streams-lag")
WANTED = 500
_SHARE = 0.8
# What is tried, until the bare pass-through carries it: it has to carry more than the gateway is given.
_TRIED = tuple(round(WANTED / _SHARE * step / 5) for step in (5, 4, 3, 2, 1))
# An event that comes so late has waited for those before it, not for the network.
_CARRIED_LAG = 0.1


@dataclass(frozen=True)
class Flow:
    """Streams that begin one after the other and are always so many; `seconds` long each, counted for `counted`."""

    seconds: float
    counted: float
    events: int

    def load(self, streams: int, counted: float | None = None) -> Load:
        return Load(
            counted or self.counted,
            warm_up=self.seconds,
            connections=2 * streams,
            rate=streams / self.seconds,
            stream=True,
            events=self.events,
        )


def carried(report: Report) -> bool:
    """All of it came, and came in time."""
    return report.stalls == 0 and report.event_lag.p99 <= _CARRIED_LAG


class Streams:
    def __init__(self, ours: Side, bare: Side, direct: Direct, flow: Flow) -> None:
        self._ours = ours
        self._bare = bare
        self._direct = direct
        self._flow = flow
        self._streams: int | None = None

    def measure(self, record: Record) -> None:
        if self._streams is None:
            self._streams = self._find()
        self._ours.stand.only([self._ours, self._direct])
        load = self._flow.load(self._streams)
        direct, ours = (each.play(load) for each in (self._direct, self._ours))
        record("streams", self._streams)
        record("streams-stalls", max(0, ours.stalls - direct.stalls))
        record("streams-first-token", added(ours.first_word.p99, direct.first_word.p99))
        record("streams-lag", added(ours.event_lag.p99, direct.event_lag.p99))

    def _find(self) -> int:
        """500, or four fifths of what the bare pass-through carries."""
        self._bare.stand.only([self._bare])
        for streams in _TRIED:
            if carried(self._bare.play(self._flow.load(streams, counted=self._flow.seconds))):
                return min(WANTED, round(streams * _SHARE))
        raise BenchError(f"the bare pass-through does not even carry {_TRIED[-1]} streams: this machine is too busy")
