"""Runner: turns, repeats and failures, with subjects that take no time."""

import io
import math
from collections.abc import Callable

import pytest

from bench.frame.errors import GateError
from bench.frame.gates import Gate
from bench.frame.load import Daemons, Load
from bench.frame.progress import Steps
from bench.frame.results import Row, Verdict
from bench.frame.runner import Experiment, Record, Subject, check_experiments, run_experiments

QUIET = Load(average=0.0, busy=0.0, others=0.0, stolen=0.0)


def gate(row: str, relative: bool = False) -> Gate:
    return Gate("toy", row, row, "<=", 10.0, "s", relative, "a test")


def watch_nothing(daemons: Daemons) -> Callable[[], Load]:
    return lambda: QUIET


def run(*experiments: Experiment, quick: bool = False, relative: bool = False) -> dict[str, Row]:
    gates = {row: gate(row, relative) for experiment in experiments for row in experiment.rows}
    steps = Steps(io.StringIO(), clock=lambda: 0.0)
    rows = run_experiments(experiments, gates, quick, watch_nothing, steps)
    return {row.gate.row: row for row in rows}


def recording(row: str, figure: float) -> Callable[[Record], None]:
    return lambda record: record(row, figure)


class Sometimes:
    """Works until its nth repetition."""

    def __init__(self, fails_at: int, error: BaseException) -> None:
        self.fails_at, self.error, self.calls = fails_at, error, 0

    def __call__(self, record: Record) -> None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise self.error
        record("start", 1.0)


def test_ours_and_the_peer_take_turns_and_change_who_goes_first() -> None:
    order: list[str] = []

    def side(name: str, figure: float) -> Subject:
        def measure(record: Record) -> None:
            order.append(name)
            record("start", figure)

        return Subject(name, measure)

    row = run(Experiment("e", ("start",), side("ours", 2.0), side("peer", 4.0)))["start"]
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer", "peer", "ours", "ours", "peer"]
    assert (row.ours, row.peer, row.ratio) == ((2.0,) * 5, (4.0,) * 5, 0.5)
    assert row.loads == (QUIET,) * 10


def test_quick_repeats_less_and_shows_what_it_leaves_out() -> None:
    fast = Experiment("fast", ("a",), Subject("ours", recording("a", 1.0)), quick_repeats=2)
    slow = Experiment("slow", ("b",), Subject("ours", recording("b", 1.0)), quick_repeats=0)
    rows = run(fast, slow, quick=True)
    assert (len(rows["a"].ours), rows["a"].verdict) == (2, Verdict.PASSED)
    assert (rows["b"].ours, rows["b"].verdict) == ((), Verdict.NOT_IN_QUICK)
    assert run(fast, slow)["b"].verdict is Verdict.PASSED


def test_a_failure_ends_the_experiment_keeps_its_figures_and_leaves_the_next_one_alone() -> None:
    broken = Sometimes(3, OSError("no space left"))
    rows = run(
        Experiment("broken", ("start",), Subject("ours", broken)),
        Experiment("fine", ("other",), Subject("ours", recording("other", 1.0))),
    )
    assert broken.calls == 3
    assert rows["start"].ours == (1.0, 1.0)
    assert rows["start"].verdict is Verdict.FAILED
    assert rows["start"].reason == "repetition 3, ours: no space left"
    assert rows["other"].verdict is Verdict.PASSED


def test_an_error_without_words_is_told_by_its_type() -> None:
    row = run(Experiment("e", ("start",), Subject("ours", Sometimes(1, ZeroDivisionError()))))["start"]
    assert row.reason == "repetition 1, ours: ZeroDivisionError"


def test_an_interruption_keeps_the_figures_and_fails_everything_that_is_left() -> None:
    later = Sometimes(0, OSError())
    rows = run(
        Experiment("first", ("start",), Subject("ours", Sometimes(2, KeyboardInterrupt()))),
        Experiment("second", ("other",), Subject("ours", later)),
        Experiment("third", ("slow",), Subject("ours", later), quick_repeats=0),
        quick=True,
    )
    assert rows["start"].ours == (1.0,)
    assert [row.verdict for row in rows.values()] == [Verdict.FAILED] * 3
    assert rows["start"].reason == "interrupted"
    assert rows["other"].reason == rows["slow"].reason == "not run: interrupted before"
    assert later.calls == 0


@pytest.mark.parametrize("figure", [math.nan, math.inf, -1.0])
def test_a_figure_that_cannot_be_one_is_refused(figure: float) -> None:
    row = run(Experiment("e", ("start",), Subject("ours", recording("start", figure))))["start"]
    assert row.ours == ()
    assert "is no measurement" in row.reason


def test_each_repetition_records_each_row_exactly_once() -> None:
    def twice(record: Record) -> None:
        record("a", 1.0)
        record("a", 1.0)

    unknown = run(Experiment("e", ("a",), Subject("ours", recording("z", 1.0))))["a"]
    assert "'z', which is none of its rows: a" in unknown.reason
    assert "twice" in run(Experiment("e", ("a",), Subject("ours", twice)))["a"].reason
    half = run(Experiment("e", ("a", "b"), Subject("ours", recording("a", 1.0))))
    assert half["b"].reason == "repetition 1, ours: ended without a figure for b"
    assert half["a"].verdict is Verdict.FAILED


def test_the_daemons_of_all_experiments_are_known_to_each_because_they_may_outlive_their_own() -> None:
    seen: list[list[int]] = []

    def watch(daemons: Daemons) -> Callable[[], Load]:
        seen.append(list(daemons()))
        return lambda: QUIET

    def started_by(name: str, pid: int) -> Experiment:
        return Experiment(name, (name,), Subject("ours", recording(name, 1.0)), repeats=1, daemons=lambda: [pid])

    experiments = [started_by("a", 7), started_by("b", 8)]
    steps = Steps(io.StringIO(), clock=lambda: 0.0)
    run_experiments(experiments, {"a": gate("a"), "b": gate("b")}, quick=False, watch_load=watch, steps=steps)
    assert seen == [[7, 8]] * 2


def test_a_comparison_needs_five_pairs_and_a_relative_gate_a_peer() -> None:
    side = Subject("ours", recording("a", 1.0))
    check_experiments([Experiment("e", ("a",), side, side)], {"a": gate("a", relative=True)})
    with pytest.raises(GateError, match="at least 5"):
        check_experiments([Experiment("e", ("a",), side, side, repeats=4)], {"a": gate("a")})
    with pytest.raises(GateError, match="give e a peer"):
        check_experiments([Experiment("e", ("a",), side)], {"a": gate("a", relative=True)})
    check_experiments([Experiment("e", ("a",), side, repeats=1)], {"a": gate("a")})
