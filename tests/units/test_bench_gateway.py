"""What the bench of the gateway counts, what it compares with what, and what it refuses to count."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from bench.frame.errors import BenchError
from bench.gateway import streams
from bench.gateway.arms import Bare, Granian, LiteLLM, Mock, Ours, Words
from bench.gateway.cores import Cores
from bench.gateway.latency import Busy, Mixed, OneAtATime, added
from bench.gateway.load import Load, Quantiles, Report, Target, Tool, read
from bench.gateway.memory import Lengths, growth, sampled
from bench.gateway.routing import KEY, MODEL, document
from bench.gateway.stand import Arm, Run
from bench.gateway.streams import Flow, Streams
from bench.gateway.throughput import Throughput
from plimsoll.gateway.authentication import authenticated
from plimsoll.routing.document import Served
from plimsoll.routing.encoding import decode_document

NOTHING = {"count": 0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "p999": 0.0, "most": 0.0}
TOLD = {
    "per_second": 100.0, "right": 300, "errors": {}, "lies": 0, "no_answers": 0, "why": {}, "small": NOTHING,
    "large": NOTHING, "first_word": NOTHING, "event_lag": NOTHING, "events": 0, "stalls": 0, "lateness": NOTHING,
    "cpu_seconds": 1.0,
}  # fmt: skip


def report(**changes: Any) -> Report:
    return read({**TOLD, **changes})


def quantiles(**changes: float) -> dict[str, float]:
    return {**NOTHING, **changes}


class PlayedStand:
    def __init__(self) -> None:
        self.up: list[Any] = []

    def only(self, sides: list[Any]) -> None:
        self.up = sides


class PlayedSide:
    """Answers each load with what it was given, and remembers it."""

    def __init__(self, stand: PlayedStand, *reports: Report, work: float = 0.0) -> None:
        self.stand = stand
        self.loads: list[Load] = []
        self._reports = list(reports)
        self._work = work

    def play(self, load: Load) -> Report:
        self.loads.append(load)
        return self._reports.pop(0) if len(self._reports) > 1 else self._reports[0]

    def run(self, load: Load) -> Run:
        return Run(self.play(load), self._work)


class Recorded(dict[str, float]):
    def __call__(self, row: str, figure: float) -> None:
        self[row] = figure


# The load.


@pytest.mark.parametrize(
    "wrong", [{"errors": {"503": 2}}, {"lies": 1}, {"no_answers": 1}, {"why": {"cut": 1}}, {"right": 0}]
)
def test_a_load_with_wrong_answers_gives_no_figures(wrong: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="answers were right"):
        report(**wrong)


def test_a_load_with_right_answers_gives_its_figures() -> None:
    found = report(small=quantiles(count=300, p99=0.25), stalls=3)
    assert (found.per_second, found.right, found.stalls) == (100.0, 300, 3)
    assert found.small == Quantiles(300, 0.0, 0.0, 0.25, 0.0, 0.0)


def program(folder: Path, script: str) -> Path:
    made = folder / "tool"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(made.stat().st_mode | stat.S_IXUSR)
    return made


def test_the_tool_is_asked_for_what_was_planned_and_the_key_stays_out_of_its_arguments(tmp_path: Path) -> None:
    told = json.dumps({**TOLD, "per_second": 7.0})
    core = min(os.sched_getaffinity(0))
    script = f"echo \"$@\" > {tmp_path}/asked; echo $BENCH_KEY > {tmp_path}/key; echo '{told}'"
    load = Load(3.0, warm_up=0.5, connections=9, rate=20.0, stream=True, events=5, large_every=10)
    found = Tool(program(tmp_path, script), core).play(Target(80, "boat", "sesame"), load)
    asked = (tmp_path / "asked").read_text().split()
    assert found.per_second == 7.0
    assert asked[0] == "load"
    assert set(asked[1:]) == {
        "--url=http://127.0.0.1:80/v1/chat/completions", "--model=boat", "--key-from=BENCH_KEY", "--seconds=3.0",
        "--warm-up=0.5", "--connections=9", "--rate=20.0", "--events=5", "--large-every=10", "--stream",
    }  # fmt: skip
    assert (tmp_path / "key").read_text() == "sesame\n"


def test_a_tool_that_breaks_is_told_with_its_words(tmp_path: Path) -> None:
    tool = Tool(program(tmp_path, "echo no such flag >&2; exit 1"), min(os.sched_getaffinity(0)))
    with pytest.raises(BenchError, match="code 1: no such flag"):
        tool.play(Target(80, "boat", "sesame"), Load(1.0))


def test_one_core_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with pytest.raises(BenchError, match="two cores"):
        Cores.of_this_process()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3, 9})
    assert Cores.of_this_process() == Cores(gateway=3, tool=5)


# Who takes part.


def test_everybody_is_kept_to_a_core(tmp_path: Path) -> None:
    python = Path("/python")
    arms: list[Arm] = [
        Mock(Path("/tool"), 1, Words(5, 0.02)),
        Ours(tmp_path, 1, 80),
        Bare("bare", python, 1, 80),
        Granian("granian", python, 1, 80),
        LiteLLM(python, tmp_path, 1, 80),
    ]
    for arm in arms:
        assert arm.launch(8080).command[:3] == ["/usr/bin/taskset", "--cpu-list", "1"], arm.name


def test_litellm_asks_the_mock_and_nobody_else(tmp_path: Path) -> None:
    launch = LiteLLM(Path("/venv/bin/python"), tmp_path, 0, 4321).launch(8080)
    assert launch.command[3:5] == ["/venv/bin/python", "/venv/bin/litellm"]
    assert launch.environment["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    config = json.loads((tmp_path / "litellm-8080.json").read_text())
    assert config["model_list"][0]["litellm_params"]["api_base"] == "http://127.0.0.1:4321/v1"


def test_ours_has_every_limit_and_a_policy_and_lets_the_load_in(tmp_path: Path) -> None:
    Ours(tmp_path, 0, 4321).launch(8080)
    routed = decode_document((tmp_path / "ours-8080" / "routing.json").read_bytes())
    assert routed == document(4321)
    served = routed.models[MODEL].state
    assert isinstance(served, Served)
    key = authenticated(routed.keys, f"Bearer {KEY}".encode(), now=0.0)
    for limits in (served.limits, key.limits, routed.teams[key.team]):
        assert None not in (limits.requests, limits.tokens, limits.concurrency)
    assert served.generation.defaults
    assert served.generation.maximum


# What is compared.


def test_each_side_records_its_own_rate_and_its_own_work() -> None:
    stand = PlayedStand()
    ours = PlayedSide(stand, report(per_second=50.0, right=100), work=0.2)
    peer = PlayedSide(stand, report(per_second=90.0, right=100), work=0.1)
    both = Throughput(ours, peer, Load(1.0), {"json": "rate", "json-work": "work"})  # type: ignore[arg-type]
    mine, others = Recorded(), Recorded()
    both.ours(mine)
    both.peer(others)
    assert (mine, others) == ({"json": 50.0, "json-work": 0.002}, {"json": 90.0, "json-work": 0.001})
    assert stand.up == [ours, peer]


def test_what_is_added_is_never_less_than_nothing() -> None:
    assert added(0.003, 0.001) == pytest.approx(0.002)
    assert added(0.001, 0.003) == 0.0


def test_one_at_a_time_is_one_connection_and_the_median_beyond_the_direct_one() -> None:
    stand = PlayedStand()
    ours, peer, direct = (PlayedSide(stand, report(small=quantiles(p50=p50))) for p50 in (0.5, 0.3, 0.1))
    both = OneAtATime(ours, peer, direct, 1.0)  # type: ignore[arg-type]
    mine, others = Recorded(), Recorded()
    both.ours(mine)
    both.peer(others)
    assert mine == {both.ROW: pytest.approx(0.4)}
    assert others == {both.ROW: pytest.approx(0.2)}
    assert [load.connections for load in ours.loads + direct.loads] == [1, 1, 1]


def test_the_busy_load_is_sixty_percent_of_what_was_just_reached() -> None:
    stand = PlayedStand()
    ours = PlayedSide(stand, report(per_second=1000.0), report(small=quantiles(p50=9.0, p99=0.5)))
    direct = PlayedSide(stand, report(small=quantiles(p99=0.2)))
    found = Recorded()
    Busy(ours, direct, 4.0).measure(found)  # type: ignore[arg-type]
    assert found == {"latency-60": pytest.approx(0.3)}
    assert [load.rate for load in ours.loads] == [0.0, 600.0]
    assert [load.rate for load in direct.loads] == [600.0]


def test_large_prompts_come_at_the_same_rate_as_none() -> None:
    ours = PlayedSide(PlayedStand(), report(per_second=1000.0, small=quantiles(p99=0.5)))
    mixed = Mixed(ours, 4.0)  # type: ignore[arg-type]
    mixed.with_large(Recorded())
    mixed.without(Recorded())
    assert [(load.rate, load.large_every) for load in ours.loads] == [(0.0, 0), (300.0, 10), (300.0, 0)]


# Streams.

FLOW = Flow(seconds=10.0, counted=60.0, events=500)


def test_streams_begin_one_after_the_other_until_they_are_as_many_as_wanted() -> None:
    load = FLOW.load(500)
    assert (load.rate, load.warm_up, load.seconds, load.events, load.stream) == (50.0, 10.0, 60.0, 500, True)
    assert load.connections > 500


@pytest.mark.parametrize(("carried", "given"), [(625, 500), (500, 400), (125, 100)])
def test_the_gateway_gets_four_fifths_of_what_the_bare_one_carries(carried: int, given: int) -> None:
    stand = PlayedStand()

    class Bare(PlayedSide):
        def play(self, load: Load) -> Report:
            super().play(load)
            return report(stalls=0 if load.rate * 10 <= carried else 1)

    ours = PlayedSide(stand, report(stalls=5, first_word=quantiles(p99=0.5), event_lag=quantiles(p99=0.4)))
    direct = PlayedSide(stand, report(stalls=2, first_word=quantiles(p99=0.2), event_lag=quantiles(p99=0.1)))
    found = Recorded()
    Streams(ours, Bare(stand, report()), direct, FLOW).measure(found)  # type: ignore[arg-type]
    assert found == {
        "streams": given,
        "streams-stalls": 3,
        "streams-first-token": pytest.approx(0.3),
        "streams-lag": pytest.approx(0.3),
    }
    assert tuple(found) == streams.ROWS
    assert ours.loads == direct.loads == [FLOW.load(given)]


def test_late_events_are_not_carried_even_without_a_stall() -> None:
    assert streams.carried(report(event_lag=quantiles(p99=0.05)))
    assert not streams.carried(report(event_lag=quantiles(p99=0.15)))


def test_a_machine_that_carries_nothing_is_told_so() -> None:
    stand = PlayedStand()
    side = PlayedSide(stand, report(stalls=1))
    with pytest.raises(BenchError, match="too busy"):
        Streams(side, side, side, FLOW).measure(Recorded())  # type: ignore[arg-type]


# Memory.


def test_growth_is_from_when_it_is_warm_to_the_end() -> None:
    lengths = Lengths(warm=10.0, whole=30.0, ends=5.0)
    held = [(float(at), 1000 if at < 10 else 100 + at) for at in range(40)]
    assert growth(held, lengths) == pytest.approx(25.0)
    assert growth([(at, -size) for at, size in held], lengths) == 0.0


def test_the_samples_end_with_the_load() -> None:
    ended: Future[Report] = Future()
    ended.set_result(report())
    assert sampled(lambda: 7, 60.0, [ended]) == []
