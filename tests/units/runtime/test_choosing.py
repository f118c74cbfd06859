"""Tokens are drawn as often as their probabilities say, from the candidates that the request leaves."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from plimsoll.runtime.choosing import Lottery, NothingToChoose, _likeliest
from plimsoll.runtime.requests import Sampling


def _row(*logits: float) -> NDArray[np.float32]:
    return np.array(logits, dtype=np.float32)


def _drawn(row: NDArray[np.float32], times: int = 300, **changes: object) -> Counter[int]:
    lottery = Lottery(Sampling(**{"seed": 1, **changes}))  # type: ignore[arg-type]
    return Counter(lottery.choose(row) for _ in range(times))


def test_tokens_come_as_often_as_their_probability_says() -> None:
    drawn = _drawn(np.log(_row(0.5, 0.3, 0.2)), times=1000)
    assert [drawn[token] / 1000 for token in range(3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.05)


def test_heat_evens_the_chances_out_and_cold_sharpens_them() -> None:
    row = np.log(_row(0.6, 0.4))
    assert _drawn(row, temperature=100.0)[1] == pytest.approx(150, abs=30)
    assert set(_drawn(row, temperature=0.01)) == {0}


def test_top_k_leaves_the_likeliest_tokens() -> None:
    assert set(_drawn(_row(1.0, 0.5, 0.9, 0.1), top_k=2, temperature=10.0)) == {0, 2}


def test_top_p_leaves_the_smallest_number_of_tokens_that_reach_it() -> None:
    row = np.log(_row(0.1, 0.5, 0.25, 0.15))
    assert set(_drawn(row, top_p=0.5)) == {1}
    assert set(_drawn(row, top_p=0.7)) == {1, 2}
    assert set(_drawn(row, top_p=0.7, top_k=3)) == {1, 2}
    assert set(_drawn(row, top_p=0.0)) == {1}


def test_min_p_leaves_what_is_likely_enough_beside_the_likeliest() -> None:
    row = np.log(_row(0.1, 0.5, 0.25, 0.15))
    assert set(_drawn(row, min_p=0.4, temperature=10.0)) == {1, 2}
    assert set(_drawn(row, min_p=1.0, temperature=10.0)) == {1}


def test_what_is_impossible_is_never_drawn() -> None:
    row = np.full(5000, -np.inf, dtype=np.float32)
    row[[7, 4321]] = 1.0
    assert set(_drawn(row)) == {7, 4321}
    assert set(_drawn(row, top_k=0)) == {7, 4321}


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_where_nothing_is_possible_nothing_is_chosen(value: float) -> None:
    with pytest.raises(NothingToChoose):
        _drawn(np.full(5000, value, dtype=np.float32))


@pytest.mark.parametrize("count", [1, 3, 40, 999, 1024])
def test_the_likeliest_are_found_without_sorting(count: int) -> None:
    row = np.random.default_rng(3).standard_normal(10_007).astype(np.float32)
    expected = np.sort(np.argsort(-row)[:count])
    assert _likeliest(row, count).tolist() == expected.tolist()


@pytest.mark.parametrize("allowed", [1, 30, 400])
def test_what_a_grammar_refuses_is_no_candidate(allowed: int) -> None:
    """Sorting what is equally impossible would take milliseconds where the vocabulary is large."""
    row = np.full(128_000, -np.inf, dtype=np.float32)
    row[1000 : 1000 + allowed] = np.arange(allowed)
    assert _likeliest(row, 40).tolist() == list(range(1000 + max(0, allowed - 40), 1000 + allowed))


def test_as_many_as_are_wanted_are_found_where_many_are_equal() -> None:
    assert len(_likeliest(np.zeros(10_000, dtype=np.float32), 40)) == 40


def test_the_same_seed_draws_the_same_and_no_seed_draws_anew() -> None:
    row = np.zeros(200, dtype=np.float32)
    same = [Lottery(Sampling(seed=5)) for _ in range(2)]
    assert [same[0].choose(row) for _ in range(20)] == [same[1].choose(row) for _ in range(20)]
    anew = [Lottery(Sampling()) for _ in range(2)]
    assert [anew[0].choose(row) for _ in range(20)] != [anew[1].choose(row) for _ in range(20)]
