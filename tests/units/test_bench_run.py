"""The frame from the outside: a toy bench in a Git checkout of its own, with a clock and a load that stand still."""

import contextlib
import fcntl
import io
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.frame.errors import BenchError
from bench.frame.load import Daemons, Load
from bench.frame.run import RAW_FOLDER, Plan, Surroundings, run_bench
from bench.frame.runner import Experiment, Record, Subject

GATES = """
[toy.start]
measures = "a start"
comparison = "<="
value = 2
unit = "s"
source = "a test"

[toy.size]
measures = "a size"
comparison = "recorded"
unit = "MB"
source = "a test"
"""


def watch(daemons: Daemons) -> Callable[[], Load]:
    return lambda: Load(average=1.5, busy=0.5, others=0.25, stolen=0.01)


@dataclass
class Toy:
    """A checkout with gates, and everything that a run printed."""

    root: Path
    report: io.StringIO = field(default_factory=io.StringIO)

    def run(self, plan: Plan, *arguments: str) -> int:
        around = Surroundings(lambda: 0.0, watch, self.root / "gates.toml", self.root, self.report, io.StringIO())
        return run_bench("toy", plan, arguments, around)

    @property
    def lines(self) -> list[str]:
        return self.report.getvalue().splitlines()

    def raw(self) -> dict[str, object]:
        (file,) = (self.root / RAW_FOLDER).glob("toy-*.json")
        document: dict[str, object] = json.loads(file.read_text())
        return document


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    (tmp_path / "gates.toml").write_text(GATES)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    (tmp_path / ".gitignore").write_text(".build/\n")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=gates"]):
        subprocess.run([*git, *command], check=True)
    return Toy(tmp_path)


@pytest.fixture
def sigterm_without_meaning() -> Iterator[None]:
    """The test run itself makes SIGTERM an interruption; here only the frame may do so."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


def measuring(start: float) -> Callable[[Record], None]:
    def measure(record: Record) -> None:
        record("start", start)
        record("size", 3e6)

    return measure


def one_experiment(measure: Callable[[Record], None]) -> Plan:
    def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
        return [Experiment("toy", ("start", "size"), Subject("ours", measure), quick_repeats=1)]

    return plan


@pytest.mark.parametrize(("start", "code", "last"), [(1.5, 0, "1 passed, 0 failed"), (2.5, 1, "0 passed, 1 failed")])
def test_the_last_line_and_the_exit_code_say_the_same(toy: Toy, start: float, code: int, last: str) -> None:
    assert toy.run(one_experiment(measuring(start))) == code
    assert toy.lines[-1] == last


def test_the_table_shows_gate_figure_spread_load_and_verdict_and_the_reason_stands_below(toy: Toy) -> None:
    toy.run(one_experiment(measuring(2.5)))
    (start,) = [line for line in toy.lines if line.startswith("start ")]
    for part in ("<= 2 s", "2.5 s", "2.5 s to 2.5 s", "25% others, 1% stolen, load 1.5", "failed"):
        assert part in start
    assert "start: the median 2.5 s is not <= 2 s" in toy.lines
    (size,) = [line for line in toy.lines if line.startswith("size ")]
    assert "3 MB" in size
    assert size.rstrip().endswith("recorded")


def test_the_raw_figures_name_commit_host_and_command_and_hold_every_repetition(toy: Toy) -> None:
    toy.run(one_experiment(measuring(1.5)), "--quick")
    raw = toy.raw()
    head = subprocess.run(["git", "-C", str(toy.root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert raw["source"] == {"commit": head.stdout.strip(), "dirty": False}
    assert raw["command"] == "python -m bench.toy --quick"
    assert raw["quick"] is True
    assert isinstance(raw["host"], dict)
    assert set(raw["host"]) == {"processor", "cores", "cores_used", "memory_bytes", "kernel"}
    rows = raw["rows"]
    assert isinstance(rows, list)
    assert (rows[0]["row"], rows[0]["ours"], rows[0]["median"], rows[0]["verdict"]) == ("start", [1.5], 1.5, "passed")
    assert rows[0]["loads"] == [{"average": 1.5, "busy": 0.5, "others": 0.25, "stolen": 0.01}]


def test_uncommitted_changes_are_told(toy: Toy) -> None:
    (toy.root / "new").touch()
    toy.run(one_experiment(measuring(1.5)))
    assert any("with uncommitted changes" in line for line in toy.lines)


def test_only_the_rows_that_were_asked_for_are_shown(toy: Toy) -> None:
    assert toy.run(one_experiment(measuring(2.5)), "--rows", "size") == 0
    assert not any(line.startswith("start") for line in toy.lines)
    assert toy.lines[-1] == "0 passed, 0 failed"


def test_an_unknown_row_is_refused_with_those_that_there_are(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    assert toy.run(one_experiment(measuring(1.0)), "--rows", "start,stopp") == 2
    assert "no row is called stopp; there are start, size" in capsys.readouterr().err
    assert toy.lines == []


def test_a_row_without_a_gate_stops_the_bench_before_anything_is_measured(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[str] = []

    def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
        return [Experiment("toy", ("start", "size", "speed"), Subject("ours", lambda _: measured.append("once")))]

    assert toy.run(plan) == 2
    assert "'speed' has no gate" in capsys.readouterr().err
    assert measured == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_bench_cleans_up_undisturbed_and_then_reports_what_it_has(
    toy: Toy, number: signal.Signals, sigterm_without_meaning: None
) -> None:
    happened: list[str] = []

    def measure(record: Record) -> None:
        record("start", 1.0)
        os.kill(os.getpid(), number)

    def clean() -> None:
        os.kill(os.getpid(), number)
        happened.append("cleaned")

    def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
        stack.callback(clean)
        return one_experiment(measure)(stack)

    before = signal.getsignal(number)
    assert toy.run(plan) == 1
    assert happened == ["cleaned"]
    assert "start: interrupted" in toy.lines
    assert toy.lines[-1] == "0 passed, 2 failed"
    assert signal.getsignal(number) == before


def test_what_cannot_be_removed_is_told_and_costs_nobody_the_figures(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise BenchError("the cluster does not go down")

    def plan(stack: contextlib.ExitStack) -> Sequence[Experiment]:
        stack.callback(fail)
        return one_experiment(measuring(1.0))(stack)

    assert toy.run(plan) == 0
    assert "left behind, the next run removes it: the cluster does not go down" in capsys.readouterr().err
    assert toy.lines[-1] == "1 passed, 0 failed"


def test_two_benches_of_one_checkout_do_not_run_at_once(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = toy.root / RAW_FOLDER
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert toy.run(one_experiment(measuring(1.0))) == 2
    assert "another bench runs" in capsys.readouterr().err


def test_a_bench_outside_a_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gates.toml").write_text(GATES)
    assert Toy(tmp_path).run(one_experiment(measuring(1.0))) == 2
    assert "run benches in a Git checkout" in capsys.readouterr().err
