"""What a mask refuses cannot be chosen, and logarithms add up."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.runtime.logprobs import choice_of
from plimsoll.runtime.masks import allows, apply_mask


def test_a_mask_leaves_only_its_tokens() -> None:
    mask = np.array([0b1001, 0b10], dtype=np.uint32)
    row = np.arange(40, dtype=np.float32)
    apply_mask(mask, row)
    assert np.flatnonzero(np.isfinite(row)).tolist() == [0, 3, 33]
    assert [token for token in range(40) if allows(mask, token)] == [0, 3, 33]


def test_the_mask_itself_is_not_changed() -> None:
    mask = np.array([0b1001], dtype=np.uint32)
    apply_mask(mask, np.zeros(32, dtype=np.float32))
    assert mask.tolist() == [0b1001]


def test_the_probabilities_of_all_tokens_add_up_to_one() -> None:
    row = np.array([1.0, 3.0, 2.0, -50.0], dtype=np.float32)
    choice = choice_of(2, row, top=3)
    assert [token for token, _ in choice.top] == [1, 2, 0]
    assert sum(np.exp(logprob) for _, logprob in choice.top) == pytest.approx(1.0)
    assert choice.logprob == dict(choice.top)[2]


def test_large_logits_do_not_overflow() -> None:
    assert choice_of(0, np.array([1000.0, 0.0], dtype=np.float32), top=0).logprob == pytest.approx(0.0)
