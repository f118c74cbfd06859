"""Runner: does each experiment several times, ours and the peer's in turn, and keeps every figure and every failure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.frame.errors import BenchError, GateError
from bench.frame.gates import Gate
from bench.frame.load import Daemons, Load, WatchLoad
from bench.frame.progress import Steps
from bench.frame.results import Row, Verdict, judge

FEWEST_PAIRS = 5

# Called with a row and a figure in base units (seconds, bytes).
Record = Callable[[str, float], None]


@dataclass(frozen=True)
class Subject:
    """One side of a comparison: `measure` does the thing once and records one figure for each row."""

    name: str
    measure: Callable[[Record], None]


@dataclass(frozen=True)
class Experiment:
    """One thing done several times, which fills one or more rows."""

    name: str
    rows: tuple[str, ...]
    ours: Subject
    peer: Subject | None = None
    repeats: int = FEWEST_PAIRS
    quick_repeats: int = 2  # 0: takes too long for --quick
    daemons: Daemons = tuple


@dataclass
class Figures:
    """What an experiment has recorded so far."""

    ours: dict[str, list[float]]
    peer: dict[str, list[float]]
    loads: list[Load] = field(default_factory=list)


def check_experiments(experiments: Sequence[Experiment], gates: Mapping[str, Gate]) -> None:
    """Refuse a comparison with too few pairs, and a relative gate with nobody to compare with."""
    for experiment in experiments:
        if experiment.peer is not None and experiment.repeats < FEWEST_PAIRS:
            raise GateError(f"{experiment.name} compares with a peer: give it at least {FEWEST_PAIRS} repeats")
        for row in experiment.rows:
            if experiment.peer is None and (gates[row].relative or gates[row].from_peer is not None):
                raise GateError(f"the gate of {row} asks what a peer measured: give {experiment.name} a peer")


def run_experiments(
    experiments: Sequence[Experiment],
    gates: Mapping[str, Gate],
    quick: bool,
    watch_load: WatchLoad,
    steps: Steps,
) -> list[Row]:
    """All rows in the order of the bench. After an interruption the rest is not run, and says so."""

    # A daemon may outlive the experiment that started it, so that it is known to all of them.
    def daemons() -> list[int]:
        return [pid for experiment in experiments for pid in experiment.daemons()]

    rows: list[Row] = []
    interrupted = False
    for experiment in experiments:
        figures = Figures({row: [] for row in experiment.rows}, {row: [] for row in experiment.rows})
        repeats = experiment.quick_repeats if quick else experiment.repeats
        trouble = ""
        if interrupted:
            trouble = "not run: interrupted before"
        elif repeats:
            try:
                trouble = repeat(experiment, repeats, figures, lambda: watch_load(daemons), steps)
            except KeyboardInterrupt:
                trouble, interrupted = "interrupted", True
        skipped = not repeats and not interrupted
        rows += [make_row(experiment, gates[row], figures, trouble, skipped) for row in experiment.rows]
    return rows


def repeat(
    experiment: Experiment, repeats: int, figures: Figures, watch: Callable[[], Callable[[], Load]], steps: Steps
) -> str:
    """Do it so many times; the answer is what went wrong, if anything, after which nothing is repeated."""
    for repetition in range(1, repeats + 1):
        for subject, recorded in take_turns(experiment, figures, repetition):
            label = f"{experiment.name}, {subject.name}, {repetition} of {repeats}"
            end_load = watch()
            try:
                with steps.step(label):
                    measure_once(subject, recorded)
            except Exception as error:  # noqa: BLE001 - whatever a subject trips over is the reason of its rows
                return f"repetition {repetition}, {subject.name}: {str(error) or type(error).__name__}"
            finally:
                figures.loads.append(end_load())
    return ""


def take_turns(
    experiment: Experiment, figures: Figures, repetition: int
) -> list[tuple[Subject, dict[str, list[float]]]]:
    """Who is measured in this repetition, in which order: it changes, so that being first favours nobody."""
    turns = [(experiment.ours, figures.ours)]
    if experiment.peer is not None:
        turns.append((experiment.peer, figures.peer))
    return turns if repetition % 2 else turns[::-1]


def measure_once(subject: Subject, recorded: dict[str, list[float]]) -> None:
    """One repetition of one subject, which must record exactly one figure for each row."""
    figures: dict[str, float] = {}

    def record(row: str, figure: float) -> None:
        if row not in recorded:
            raise BenchError(f"recorded {row!r}, which is none of its rows: {', '.join(recorded)}")
        if row in figures:
            raise BenchError(f"recorded {row!r} twice in one repetition")
        if not math.isfinite(figure) or figure < 0:
            raise BenchError(f"recorded {figure} for {row!r}, which is no measurement")
        figures[row] = figure
        recorded[row].append(figure)

    subject.measure(record)
    if missing := [row for row in recorded if row not in figures]:
        raise BenchError(f"ended without a figure for {', '.join(missing)}")


def make_row(experiment: Experiment, gate: Gate, figures: Figures, trouble: str, skipped: bool) -> Row:
    """The row of one gate, judged."""
    row = Row(
        gate=gate,
        ours=tuple(figures.ours[gate.row]),
        peer_name=experiment.peer.name if experiment.peer else None,
        peer=tuple(figures.peer[gate.row]),
        loads=tuple(figures.loads),
    )
    if skipped:
        return replace(row, verdict=Verdict.NOT_IN_QUICK)
    verdict, reason = judge(row, trouble)
    return replace(row, verdict=verdict, reason=reason)
