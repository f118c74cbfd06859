"""Results: medians, pairs and verdicts."""

from dataclasses import replace

import pytest

from bench.frame.gates import Gate
from bench.frame.results import Row, Verdict, judge, summary

ABSOLUTE = Gate("toy", "start", "a start", "<=", 2.0, "s", relative=False, source="a test")
RELATIVE = Gate("toy", "start", "a start", "<=", 1.1, "s", relative=True, source="a test")
RECORDED = Gate("toy", "start", "a start", "recorded", None, "s", relative=False, source="a test")


def test_the_median_decides_and_not_the_mean_or_the_worst() -> None:
    row = Row(ABSOLUTE, ours=(1.0, 2.0, 90.0))
    assert row.median == 2.0
    assert judge(row, trouble="") == (Verdict.PASSED, "")


def test_a_missed_bar_is_told_with_figure_and_bar() -> None:
    assert judge(Row(ABSOLUTE, ours=(2.5,)), trouble="") == (Verdict.FAILED, "the median 2.5 s is not <= 2 s")


def test_trouble_fails_a_row_even_when_its_figures_are_good() -> None:
    assert judge(Row(ABSOLUTE, ours=(1.0,)), trouble="repetition 2: no") == (Verdict.FAILED, "repetition 2: no")
    assert judge(Row(RECORDED, ours=(1.0,)), trouble="repetition 2: no")[0] is Verdict.FAILED


def test_a_row_that_measured_nothing_has_failed() -> None:
    assert judge(Row(ABSOLUTE), trouble="") == (Verdict.FAILED, "nothing was measured")


def test_a_row_without_a_bar_neither_passes_nor_fails() -> None:
    assert judge(Row(RECORDED, ours=(1.0,)), trouble="")[0] is Verdict.RECORDED


def test_the_ratio_is_the_median_over_pairs_and_not_the_ratio_of_medians() -> None:
    # The machine was ten times slower during the last two pairs, for both sides alike.
    row = Row(RELATIVE, ours=(1.0, 1.0, 10.0), peer_name="other", peer=(1.0, 1.0, 20.0))
    assert row.ratios == (1.0, 1.0, 0.5)
    assert row.ratio == 1.0
    slowed = Row(RELATIVE, ours=(1.0, 10.0, 10.0), peer_name="other", peer=(1.0, 1.0, 10.0))
    assert slowed.ratio == 1.0
    assert judge(slowed, trouble="")[0] is Verdict.PASSED


def test_a_relative_gate_fails_on_the_ratio() -> None:
    row = Row(RELATIVE, ours=(1.2, 1.2), peer_name="other", peer=(1.0, 1.0))
    assert judge(row, trouble="") == (Verdict.FAILED, "the median 1.2 x peer is not <= 1.1 x peer")


@pytest.mark.parametrize(
    ("peer", "verdict"), [(3.9, Verdict.RECORDED), (4.0, Verdict.FAILED), (None, Verdict.RECORDED)]
)
def test_a_bar_for_fast_hosts_holds_only_where_the_peer_is_as_fast(peer: float | None, verdict: Verdict) -> None:
    gate = replace(ABSOLUTE, comparison=">=", from_peer=4.0)
    row = Row(gate, ours=(1.0,), peer_name="other", peer=() if peer is None else (peer,))
    found, reason = judge(row, trouble="")
    assert found is verdict
    assert ("the bar holds where other reaches 4 s" in reason) == (verdict is Verdict.RECORDED)
    assert judge(replace(row, ours=(2.0,), peer=(4.0,)), trouble="") == (Verdict.PASSED, "")


def test_a_peer_that_measured_zero_gives_no_ratio() -> None:
    verdict, reason = judge(Row(RELATIVE, ours=(1.0, 1.0), peer_name="other", peer=(1.0, 0.0)), trouble="")
    assert verdict is Verdict.FAILED
    assert "other measured 0" in reason


@pytest.mark.parametrize("verdict", [Verdict.RECORDED, Verdict.NOT_IN_QUICK])
def test_rows_without_a_verdict_are_counted_neither_way(verdict: Verdict) -> None:
    rows = [
        Row(ABSOLUTE, verdict=Verdict.PASSED),
        Row(ABSOLUTE, verdict=verdict),
        Row(ABSOLUTE, verdict=Verdict.FAILED),
        Row(ABSOLUTE, verdict=Verdict.PASSED),
    ]
    assert summary(rows) == "2 passed, 1 failed"
