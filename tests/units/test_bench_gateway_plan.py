"""The rows of the bench of the gateway: the bars of issue 6, each filled by one experiment."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.frame.gates import check_rows, load_gates
from bench.frame.run import ROOT
from bench.frame.runner import Experiment, check_experiments
from bench.gateway.environments import CANDIDATES, LITELLM
from bench.gateway.load import Tool
from bench.gateway.plans import Planner
from bench.gateway.stand import Stand


@pytest.fixture
def experiments(tmp_path: Path) -> Sequence[Experiment]:
    return Planner(Stand(tmp_path / "gateway", Tool(Path("/tool"), 1)), 0, quick=True).experiments()


def test_every_row_has_a_gate_and_every_gate_an_experiment(experiments: Sequence[Experiment]) -> None:
    gates = load_gates("gateway")
    check_rows(gates, [row for experiment in experiments for row in experiment.rows])
    check_experiments(experiments, gates)


def test_nothing_is_started_before_it_is_measured(experiments: Sequence[Experiment]) -> None:
    assert [pid for experiment in experiments for pid in experiment.daemons()] == []


def test_a_quick_run_leaves_out_only_what_is_measured_once(experiments: Sequence[Experiment]) -> None:
    left_out = [row for experiment in experiments for row in experiment.rows if not experiment.quick_repeats]
    assert left_out == ["granian", "pyreqwest"]


def test_the_gates_are_those_of_issue_6() -> None:
    gates = load_gates("gateway")
    assert {row: gate.wanted() for row, gate in gates.items() if gate.value is not None} == {
        "json": ">= 2000 per second",
        "json-to-bare": ">= 0.45 x peer",
        "json-to-litellm": ">= 15 x peer",
        "tool": ">= 5 x peer",
        "latency-one": "<= 0.4 ms",
        "latency-60": "<= 5 ms",
        "streams-stalls": "<= 0 stalls",
        "streams-first-token": "<= 5 ms",
        "mixed": "<= 2 x peer",
        "memory": "<= 150 MB",
        "soak": "<= 4 MB",
    }
    assert gates["json"].from_peer == 4400


def test_what_is_measured_beside_ours_is_pinned_with_hashes_of_the_public_index() -> None:
    lock = tomllib.loads((LITELLM.project / "uv.lock").read_text())
    packages = [each for each in lock["package"] if "virtual" not in each["source"]]
    assert {each["source"]["registry"] for each in packages} == {"https://pypi.org/simple"}
    assert "litellm==" in LITELLM.requirements()
    wanted = CANDIDATES.requirements()
    assert all(f"{name}==" in wanted for name in ("granian", "pyreqwest", "uvicorn", "aiohttp"))
    assert "kubernetes==" not in wanted
    assert CANDIDATES.project == ROOT
