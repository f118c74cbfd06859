"""The frame around every bench: arguments, gates, the run itself, cleaning up, the report and the exit code."""

import argparse
import contextlib
import fcntl
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bench.frame.errors import BenchError, GateError
from bench.frame.gates import GATES_FILE, check_rows, load_gates
from bench.frame.host import read_host, read_source
from bench.frame.load import WatchLoad, watch_load
from bench.frame.progress import Steps
from bench.frame.report import Run, print_report, write_raw
from bench.frame.results import Row, Verdict, count
from bench.frame.runner import Experiment, check_experiments, run_experiments

ROOT = Path(__file__).parents[2]
RAW_FOLDER = Path(".build/bench")

# Makes the experiments of a bench; whatever must be undone afterwards goes onto the stack.
Plan = Callable[[contextlib.ExitStack], Sequence[Experiment]]


@dataclass(frozen=True)
class Surroundings:
    """What a run takes from outside: the real thing by default, plain values in tests of the frame."""

    clock: Callable[[], float] = time.monotonic
    watch_load: WatchLoad = watch_load
    gates_file: Path = GATES_FILE
    root: Path = ROOT
    report: TextIO = field(default_factory=lambda: sys.stdout)
    progress: TextIO = field(default_factory=lambda: sys.stderr)


@dataclass(frozen=True)
class Choice:
    """What the person asked for."""

    quick: bool
    rows: tuple[str, ...]  # empty: all
    command: str


def run_bench(bench: str, plan: Plan, arguments: Sequence[str], around: Surroundings | None = None) -> int:
    """Run one bench. The exit code is 0 when nothing failed, 1 when something did, 2 when it could not run at all."""
    around = around or Surroundings()
    choice = read_arguments(bench, arguments)
    began = datetime.now(UTC)
    try:
        host, source = read_host(), read_source(around.root)
        with alone(around.root / RAW_FOLDER):
            rows = measure(bench, plan, choice, around)
    except BenchError as error:
        print(f"bench {bench}: {error}", file=sys.stderr)
        return 2
    run = Run(bench, began, choice.command, choice.quick, host, source, rows)
    raw_file = write_raw(run, around.root / RAW_FOLDER)
    print_report(run, raw_file.relative_to(around.root), around.report)
    return 1 if count(rows, Verdict.FAILED) else 0


def read_arguments(bench: str, arguments: Sequence[str]) -> Choice:
    parser = argparse.ArgumentParser(prog=f"python -m bench.{bench}", description=f"Measure the gates of {bench}.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, and without the rows that take long")
    parser.add_argument("--rows", metavar="A,B", default="", help="measure only these rows")
    parsed = parser.parse_args(arguments)
    return Choice(
        quick=parsed.quick,
        rows=tuple(row for row in parsed.rows.split(",") if row),
        command=shlex.join(["python", "-m", f"bench.{bench}", *arguments]),
    )


def measure(bench: str, plan: Plan, choice: Choice, around: Surroundings) -> list[Row]:
    """The rows that were asked for; everything the bench made is gone again when they are returned."""
    gates = load_gates(bench, around.gates_file)
    with interrupt_when_terminated(), cleanup() as stack:
        experiments = plan(stack)
        check_rows(gates, [row for experiment in experiments for row in experiment.rows], around.gates_file)
        check_experiments(experiments, gates)
        if choice.quick:
            gates = {row: gate.in_quick() for row, gate in gates.items()}
        chosen = choose(experiments, choice.rows)
        steps = Steps(around.progress, around.clock)
        try:
            rows = run_experiments(chosen, gates, choice.quick, around.watch_load, steps)
        finally:
            ignore_interrupts()
    return [row for row in rows if not choice.rows or row.gate.row in choice.rows]


def choose(experiments: Sequence[Experiment], rows: Sequence[str]) -> list[Experiment]:
    """The experiments that fill the rows which were asked for."""
    known = [row for experiment in experiments for row in experiment.rows]
    if unknown := [row for row in rows if row not in known]:
        raise GateError(f"no row is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [experiment for experiment in experiments if not rows or set(rows) & set(experiment.rows)]


@contextlib.contextmanager
def cleanup() -> Iterator[contextlib.ExitStack]:
    """Undo everything on the stack; what cannot be undone is told, and costs nobody the figures."""
    stack = contextlib.ExitStack()
    try:
        yield stack
    finally:
        try:
            stack.close()
        except (BenchError, OSError) as error:
            print(f"left behind, the next run removes it: {error}", file=sys.stderr)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two benches at once would disturb each other, and take down what the other one measures."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("another bench runs in this checkout: wait until it has ended") from None
        yield


def ignore_interrupts() -> None:
    """From here on only cleaning up is left, and an impatient second Ctrl-C must not cut that short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextlib.contextmanager
def interrupt_when_terminated() -> Iterator[None]:
    """Being terminated is an interruption like Ctrl-C: what was made is removed, and what was measured is reported."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
