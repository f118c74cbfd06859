"""The gguf package, which llama.cpp's own authors publish, reads in our files what we read."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFReader

from plimsoll.plan.gguf import Header, parse
from tests.support import gguf_maker as maker
from tests.support.gguf_models import MODELS


@pytest.mark.parametrize("kind", MODELS)
def test_both_find_the_same_tensors_at_the_same_places(kind: str, tmp_path: Path) -> None:
    made = MODELS[kind]()
    maker.write_sparse(tmp_path / "model.gguf", made)
    ours, theirs = parse(made.data, made.file_size), GGUFReader(tmp_path / "model.gguf")
    assert isinstance(ours, Header)
    assert [
        (one.name, one.dimensions, one.kind.name, ours.data_start + one.offset, one.size) for one in ours.tensors
    ] == [
        (one.name, tuple(one.shape.tolist()), one.tensor_type.name, one.data_offset, one.n_bytes)
        for one in theirs.tensors
    ]
    assert set(ours.values) == {key for key in theirs.fields if not key.startswith("GGUF.")}
