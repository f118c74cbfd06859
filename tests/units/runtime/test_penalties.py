"""Bias and penalties change the logits of the tokens that they are about, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.runtime.penalties import Bias, Penalties
from plimsoll.runtime.requests import Sampling

PROMPT = np.array([1, 2, 2], dtype=np.int32)


def _row() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([0.0, 1.0, -1.0, 2.0, -2.0], dtype=np.float32)


def test_a_bias_is_added_to_its_tokens() -> None:
    row = _row()
    Bias(Sampling(logit_bias={0: 5.0, 3: -100.0})).apply(row)
    assert row.tolist() == [5.0, 1.0, -1.0, -98.0, -2.0]


def test_frequency_counts_how_often_a_token_was_said() -> None:
    penalties = Penalties(Sampling(frequency_penalty=0.5), PROMPT)
    for token in (3, 3, 4):
        penalties.accept(token)
    row = _row()
    penalties.apply(row)
    assert row.tolist() == pytest.approx([0.0, 1.0, -1.0, 1.0, -2.5])


def test_presence_counts_only_whether_a_token_was_said() -> None:
    penalties = Penalties(Sampling(presence_penalty=0.5), PROMPT)
    for token in (3, 3, 4):
        penalties.accept(token)
    row = _row()
    penalties.apply(row)
    assert row.tolist() == pytest.approx([0.0, 1.0, -1.0, 1.5, -2.5])


def test_the_repeat_penalty_knows_the_prompt_too() -> None:
    penalties = Penalties(Sampling(repeat_penalty=2.0), PROMPT)
    penalties.accept(3)
    row = _row()
    penalties.apply(row)
    assert row.tolist() == [0.0, 0.5, -2.0, 1.0, -2.0]


def test_more_tokens_than_there_was_room_for_are_all_remembered() -> None:
    penalties = Penalties(Sampling(presence_penalty=1.0), PROMPT)
    for token in range(300):
        penalties.accept(token)
    row = np.zeros(400, dtype=np.float32)
    penalties.apply(row)
    assert row.sum() == -300
