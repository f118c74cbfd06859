"""The rows of the bench of the engine: the bars of issue 5, each filled by one experiment."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.engine import models
from bench.engine.plans import Planner
from bench.engine.programs import Programs
from bench.engine.servers import Servers
from bench.frame.gates import check_rows, load_gates
from bench.frame.runner import Experiment, check_experiments
from tools.engine.peers import Peers

PROGRAMS = Programs(Path("/native"), Path("/plug-ins"), Peers(Path("/llama-server"), Path("/python")))


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Experiment]:
    monkeypatch.setattr(models, "mid", lambda kind: Path(f"/mid-{kind}.gguf"))
    for name in ("large_vocabulary", "nearly_free"):
        monkeypatch.setattr(models, name, lambda *given: Path("/model.gguf"))
    return Planner(PROGRAMS, Servers(tmp_path), random.Random(1), quick=True).experiments()


def test_every_row_has_a_gate_and_every_gate_an_experiment(experiments: Sequence[Experiment]) -> None:
    gates = load_gates("engine")
    check_rows(gates, [row for experiment in experiments for row in experiment.rows])
    check_experiments(experiments, gates)


def test_nothing_is_started_before_it_is_measured(experiments: Sequence[Experiment]) -> None:
    assert [pid for experiment in experiments for pid in experiment.daemons()] == []


def test_a_quick_run_leaves_out_what_has_no_bar_and_the_long_prompts(experiments: Sequence[Experiment]) -> None:
    left_out = [row for experiment in experiments for row in experiment.rows if not experiment.quick_repeats]
    assert left_out == ["python-tuned-16", "long-prompts", "native-128k-16", "image-1"]


def test_the_gates_are_those_of_issue_5() -> None:
    bars = {row: gate.wanted() for row, gate in load_gates("engine").items() if gate.value is not None}
    beside = {f"native-{kind}-{clients}": ">= 0.9 x peer" for kind in ("q4km", "q40") for clients in (1, 4, 8, 16)}
    assert bars == beside | {
        "python-16": ">= 3 x peer",
        "python-16-first-token": "<= 0.1 x peer",
        "python-1": ">= 1.2 x peer",
        "native-mean": ">= 0.97 x peer",
        "native-defaults-16": ">= 1.2 x peer",
        "long-prompts": ">= 1.4 x peer",
        "overhead": "<= 80 µs",
        "overhead-to-native": "<= 1.5 x peer",
        "schema-1": "<= 1 ms",
        "schema-16": "<= 1 ms",
        "shared-prefix": "<= 0.2 x peer",
        "image-prompts": ">= 0.95 x peer",
        "image-16": ">= 0.95 x peer",
    }
    assert load_gates("engine")["python-16"].in_quick().wanted() == ">= 2.2 x peer"
