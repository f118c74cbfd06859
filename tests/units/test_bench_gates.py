"""Gates: what the file must say, and that rows and gates belong together one to one."""

import importlib.util
from pathlib import Path

import pytest

from bench.frame.errors import GateError
from bench.frame.gates import GATES_FILE, check_rows, load_gates, parse_gate, read_tables

WHOLE = {"measures": "a start", "comparison": "<=", "value": 25, "unit": "s", "source": "issue 3"}


def write(folder: Path, text: str) -> Path:
    file = folder / "gates.toml"
    file.write_text(text, encoding="utf-8")
    return file


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in WHOLE.items() if name != key}


def test_every_bench_that_has_gates_is_a_module_and_every_gate_is_whole() -> None:
    for name in read_tables(GATES_FILE):
        assert importlib.util.find_spec(f"bench.{name}")
        assert load_gates(name)


def test_the_gates_of_the_cluster_are_those_of_issue_3() -> None:
    bars = {row: gate.wanted() for row, gate in load_gates("cluster").items()}
    assert bars == {
        "cold-up": "<= 900 s",
        "warm-up": "<= 25 s",
        "up-again": "< 2 s",
        "control-plane-memory": "<= 1 GiB",
        "memory-in-all": "recorded",
        "down": "recorded",
        "two-node-warm-up": "recorded",
        "image-rebuild": "<= 20 s",
        "image-unpacked": "<= 320 MB",
    }


@pytest.mark.parametrize("key", ["measures", "comparison", "value", "unit", "source"])
def test_a_gate_that_lacks_a_key_is_refused_by_name(key: str) -> None:
    with pytest.raises(GateError, match=rf"\[cluster.warm-up\].*{key}"):
        parse_gate("cluster", "warm-up", without(key))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"comparison": "=<"}, "comparison '=<'"),
        ({"unit": "furlong"}, "unit 'furlong'"),
        ({"value": "25"}, "value '25' is not a number"),
        ({"value": True}, "value True is not a number"),
        ({"relative": 1}, "relative 1"),
        ({"limit": 3}, "keys it cannot use: limit"),
        ({"comparison": "recorded"}, "keys it cannot use: value"),
        ({"quick_value": "25"}, "quick_value '25' is not a number"),
        ({"from_peer": "25"}, "from_peer '25' is not a number"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(GateError, match=complaint):
        parse_gate("cluster", "warm-up", WHOLE | change)


def test_a_bench_without_gates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="no gates for the bench 'gateway'"):
        load_gates("gateway", write(tmp_path, ""))


def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="line 1"):
        load_gates("cluster", write(tmp_path, "cluster = = 3"))


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [("<=", True, True, False), ("<", True, False, False), (">=", False, True, True), (">", False, False, True)],
)
def test_each_comparison_decides_at_its_bar(comparison: str, below: bool, at: bool, above: bool) -> None:
    gate = parse_gate("cluster", "warm-up", WHOLE | {"comparison": comparison})
    assert (gate.clears(24.9), gate.clears(25.0), gate.clears(25.1)) == (below, at, above)


def test_figures_are_recorded_in_base_units_and_shown_in_the_unit_of_the_gate() -> None:
    gate = parse_gate("cluster", "memory", WHOLE | {"value": 1, "unit": "GiB"})
    assert gate.clears(2**30)
    assert not gate.clears(2**30 + 1)
    assert gate.show(2**29) == "0.5 GiB"


def test_a_relative_gate_compares_the_ratio_itself_whatever_its_unit() -> None:
    gate = parse_gate("gateway", "latency", WHOLE | {"value": 1.1, "unit": "ms", "relative": True})
    assert gate.clears(1.1)
    assert not gate.clears(1.11)
    assert gate.wanted() == "<= 1.1 x peer"


def test_a_row_without_a_gate_and_a_gate_without_a_row_are_both_refused() -> None:
    gates = {"warm-up": parse_gate("cluster", "warm-up", WHOLE)}
    check_rows(gates, ["warm-up"])
    with pytest.raises(GateError, match="'cold-up' has no gate"):
        check_rows(gates, ["warm-up", "cold-up"])
    with pytest.raises(GateError, match="nothing measures: warm-up"):
        check_rows(gates, [])


def test_a_row_that_two_experiments_fill_is_refused() -> None:
    gates = {"warm-up": parse_gate("cluster", "warm-up", WHOLE)}
    with pytest.raises(GateError, match="measured twice"):
        check_rows(gates, ["warm-up", "warm-up"])


def test_a_quick_run_is_held_to_a_bar_of_its_own_where_the_gate_has_one() -> None:
    gate = parse_gate("cluster", "warm-up", WHOLE | {"quick_value": 40})
    assert (gate.wanted(), gate.in_quick().wanted()) == ("<= 25 s", "<= 40 s")
    usual = parse_gate("cluster", "warm-up", WHOLE)
    assert usual.in_quick() == usual
