"""Models with random weights: the same bytes everywhere, and files that our own reader accepts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from gguf import GGUFReader, TokenType

from models.llama_file import END
from models.random_model import SIZES, make, pieces
from plimsoll.plan.gguf import Header, parse

_TINY = "fe816d51966c60af9f3c511e05b79fbb921062f3d6db9fca80ec2f77e0eb6d88"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_tiny_model_is_the_same_file_on_every_machine(tiny_model: Path) -> None:
    assert _sha256(tiny_model) == _TINY


def test_another_seed_makes_another_model_of_the_same_size(tiny_model: Path, tmp_path: Path) -> None:
    make(tmp_path / "other.gguf", SIZES["tiny"], seed=1)
    assert (tmp_path / "other.gguf").stat().st_size == tiny_model.stat().st_size
    assert _sha256(tmp_path / "other.gguf") != _TINY


def test_our_reader_finds_the_shape_that_was_asked_for(tiny_model: Path) -> None:
    shape, content = SIZES["tiny"], tiny_model.read_bytes()
    header = parse(content, len(content))
    assert isinstance(header, Header)
    told = {name: header.values[f"llama.{name}"] for name in ("block_count", "embedding_length", "vocab_size")}
    assert told == {"block_count": shape.layers, "embedding_length": shape.width, "vocab_size": shape.vocabulary}


def test_no_answer_ends_by_itself_because_the_end_is_never_the_likeliest(tiny_model: Path) -> None:
    output = next(tensor for tensor in GGUFReader(tiny_model).tensors if tensor.name == "output.weight")
    assert not output.data[: END + 1].any()
    assert output.data[END + 1 :].any(axis=1).all()


@pytest.mark.parametrize("size", [512, 2000])
def test_a_vocabulary_has_the_size_that_was_asked_for_and_no_piece_twice(size: int) -> None:
    texts = [piece.text for piece in pieces(size)]
    assert len(texts) == len(set(texts)) == size


def test_every_byte_and_every_letter_can_stand_alone() -> None:
    found = {piece.text: piece.kind for piece in pieces(512)}
    assert all(found[b"<0x%02X>" % byte] is TokenType.BYTE for byte in range(256))
    assert all(found[letter.encode()] is TokenType.NORMAL for letter in "▁azAZ09.\n")
