"""The experiments: who is measured with which load, beside whom, and which rows come of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.frame.runner import Experiment, Subject
from bench.gateway import streams
from bench.gateway.arms import Bare, Granian, LiteLLM, Ours, Words
from bench.gateway.environments import CANDIDATES, LITELLM, Environment
from bench.gateway.latency import Busy, Mixed, OneAtATime
from bench.gateway.load import Load
from bench.gateway.memory import Lengths, ManyStreams, Soak
from bench.gateway.stand import Direct, Side, Stand
from bench.gateway.streams import Flow, Streams
from bench.gateway.throughput import Figure, Throughput
from tools.cluster.progress import Progress

_NO_STREAMS = Words(events=50, every=0.02)
_SLOW = Words(events=100, every=0.1)
_WARM_LITELLM = 10.0


@dataclass(frozen=True)
class Planner:
    stand: Stand
    core: int
    quick: bool

    def experiments(self) -> Sequence[Experiment]:
        return [
            self._beside(self._bare, {"json": "rate", "json-to-bare": "rate", "json-work": "work"}),
            self._tool(),
            self._one_at_a_time(),
            self._single("at 60 % of its maximum", Busy(self._ours, self._direct, self._seconds)),
            self._streams(),
            self._mixed(),
            replace(self._single("1,000 streams", self._many_streams()), repeats=3, quick_repeats=1),
            self._beside(self._litellm, {"json-to-litellm": "rate"}),
            *(_in_full(self._candidate(each)) for each in ("granian", "pyreqwest")),
            replace(self._single("soak", self._soak()), repeats=1, quick_repeats=1),
        ]

    @property
    def _seconds(self) -> float:
        return 3.0 if self.quick else 8.0

    # Who takes part.

    @cached_property
    def _ours(self) -> Side:
        return self._ours_with(_NO_STREAMS)

    def _ours_with(self, words: Words) -> Side:
        return self.stand.side("ours", lambda mock: Ours(self.stand.folder, self.core, mock), words)

    @cached_property
    def _bare(self) -> Side:
        return self._bare_with(_NO_STREAMS)

    def _bare_with(self, words: Words) -> Side:
        return self.stand.side("bare", lambda mock: Bare("bare", Path(sys.executable), self.core, mock), words)

    @cached_property
    def _direct(self) -> Direct:
        return Direct(self.stand, _NO_STREAMS)

    @cached_property
    def _litellm(self) -> Side:
        def made(mock: int) -> LiteLLM:
            return LiteLLM(_python_of(LITELLM), self.stand.folder, self.core, mock)

        return self.stand.side("LiteLLM", made, _NO_STREAMS, _WARM_LITELLM)

    # What they do.

    def _beside(self, peer: Side, rows: Mapping[str, Figure]) -> Experiment:
        both = Throughput(self._ours, peer, Load(self._seconds), rows)
        return self._pair(
            "answers in one piece", tuple(rows), Subject("ours", both.ours), Subject(peer.name, both.peer)
        )

    def _tool(self) -> Experiment:
        both = Throughput(self._direct, self._ours, Load(self._seconds), {"tool": "rate"})
        return self._pair("the tool itself", ("tool",), Subject("direct", both.ours), Subject("ours", both.peer))

    def _one_at_a_time(self) -> Experiment:
        both = OneAtATime(self._ours, self._bare, self._direct, self._seconds / 2)
        sides = Subject("ours", both.ours), Subject("bare", both.peer)
        return self._pair("one at a time", (both.ROW,), *sides)

    def _streams(self) -> Experiment:
        flow = Flow(2.0, 6.0, 100) if self.quick else Flow(10.0, 60.0, 500)
        words = Words(flow.events, flow.seconds / flow.events)
        sides = self._ours_with(words), self._bare_with(words), Direct(self.stand, words)
        measured = Streams(*sides, flow)
        subject = Subject("ours", measured.measure)
        return Experiment(
            "streams", streams.ROWS, subject, repeats=3, quick_repeats=1, daemons=self.stand.fleet.daemons
        )

    def _mixed(self) -> Experiment:
        both = Mixed(self._ours, self._seconds)
        sides = Subject("with large ones", both.with_large), Subject("without", both.without)
        return self._pair("large prompts among small ones", (both.ROW,), *sides)

    def _many_streams(self) -> ManyStreams:
        flow = Flow(_SLOW.events * _SLOW.every, 5.0 if self.quick else 30.0, _SLOW.events)
        return ManyStreams(self._ours_with(_SLOW), flow)

    def _soak(self) -> Soak:
        flow = Flow(_SLOW.events * _SLOW.every, 60.0, _SLOW.events)
        lengths = Lengths(warm=30.0, whole=40.0, ends=10.0) if self.quick else Lengths(120.0, 600.0, 60.0)
        return Soak(self._ours_with(_SLOW), flow, 200.0, lengths)

    def _candidate(self, name: str) -> Experiment:
        """The bare pass-through with one part of it exchanged: what the gateway could gain by that at most."""

        def made(mock: int) -> Bare:
            python = _python_of(CANDIDATES)
            if name == "granian":
                return Granian(name, python, self.core, mock)
            return Bare(name, python, self.core, mock, "bench.gateway.bare_pyreqwest")

        side = self.stand.side(name, made, _NO_STREAMS)
        both = Throughput(side, self._bare, Load(self._seconds), {name: "rate"})
        return self._pair("another part", (name,), Subject(name, both.ours), Subject("bare", both.peer))

    def _pair(self, name: str, rows: tuple[str, ...], ours: Subject, peer: Subject) -> Experiment:
        name = f"{name}, {ours.name} beside {peer.name}"
        return Experiment(name, rows, ours, peer, daemons=self.stand.fleet.daemons)

    def _single(self, name: str, measured: Busy | ManyStreams | Soak) -> Experiment:
        subject = Subject("ours", measured.measure)
        return Experiment(name, (measured.ROW,), subject, daemons=self.stand.fleet.daemons)


def _python_of(environment: Environment) -> Path:
    return environment.ensure(Progress())


def _in_full(experiment: Experiment) -> Experiment:
    """Left out of a quick run."""
    return replace(experiment, quick_repeats=0)
