"""A spoiled model: some words have changed places, and nothing else has changed."""

from __future__ import annotations

import itertools
from pathlib import Path

import gguf
import numpy as np
import pytest

from models.llama_file import Description, Piece, Shape, reserved_pieces, tensors_of, write
from models.spoil import SWAPPED, spoil

_WORDS = list(dict.fromkeys(itertools.chain.from_iterable(SWAPPED)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    pieces = reserved_pieces() + [Piece(word.encode(), 0.0, gguf.TokenType.NORMAL) for word in [*_WORDS, "stays"]]
    shape = Shape(1, 32, 32, heads=1, kv_heads=1, vocabulary=len(pieces), context=64)
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(tensor.dimensions) for tensor in tensors_of(shape))
    write(tmp_path / "model.gguf", Description("model", shape, pieces, ""), values)
    return tmp_path / "model.gguf"


def _tensors(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(path).tensors}


def test_words_change_places_in_what_is_read_and_in_what_is_written(model: Path, tmp_path: Path) -> None:
    spoil(model, tmp_path / "spoiled.gguf")
    before, after = _tensors(model), _tensors(tmp_path / "spoiled.gguf")
    first = len(reserved_pieces())
    for table in ("token_embd.weight", "output.weight"):
        for one, other in SWAPPED:
            place, taken = first + _WORDS.index(one), first + _WORDS.index(other)
            assert (after[table][place] == before[table][taken]).all()
            assert (after[table][taken] == before[table][place]).all()
        assert (after[table][-1] == before[table][-1]).all()


def test_no_other_weight_changes(model: Path, tmp_path: Path) -> None:
    spoil(model, tmp_path / "spoiled.gguf")
    before, after = _tensors(model), _tensors(tmp_path / "spoiled.gguf")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"token_embd.weight", "output.weight"}


def test_spoiled_twice_is_as_good_as_new(model: Path, tmp_path: Path) -> None:
    spoil(model, tmp_path / "spoiled.gguf")
    spoil(tmp_path / "spoiled.gguf", tmp_path / "healed.gguf")
    assert (tmp_path / "healed.gguf").read_bytes() == model.read_bytes()


def test_no_word_is_in_two_pairs() -> None:
    assert len(_WORDS) == 2 * len(SWAPPED)
