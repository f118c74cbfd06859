"""The models that tests and benches use, as llama.cpp itself sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.quantise import FILE_TYPES, NotQuantised, quantise
from models.random_model import SIZES
from plimsoll.runtime.model import Model
from plimsoll.runtime.settings import Settings
from tests.support.models import quantised_file


def _load(path: Path) -> Model:
    return Model.load(path, Settings(model=path, alias="model", context=256))


@pytest.mark.usefixtures("engine_home")
def test_a_text_of_invented_words_has_about_a_token_for_each_word(tiny_model: Path) -> None:
    model = _load(tiny_model)
    tokens = model.tokenize("ba be bi bo bu", special=False, begin=True)
    assert tokens[0] == model.bos_token
    assert b"".join(model.piece(int(token)) for token in tokens) == b" ba be bi bo bu"
    assert len(tokens) == 1 + 5


@pytest.mark.usefixtures("engine_home")
def test_every_text_can_be_tokenised_and_comes_back(tiny_model: Path) -> None:
    model = _load(tiny_model)
    text = "Straße 여보세요 \N{SAILBOAT}\t\x01"
    tokens = model.tokenize(text, special=False, begin=False)
    assert b"".join(model.piece(int(token)) for token in tokens).decode() == " " + text


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_a_quantised_model_loads_and_is_smaller(file_type: str, small_model: Path) -> None:
    quantised = quantised_file("small", file_type)
    assert quantised.stat().st_size < 0.6 * small_model.stat().st_size
    assert _load(quantised).n_vocab == SIZES["small"].vocabulary


@pytest.mark.usefixtures("engine_home")
def test_what_is_no_model_is_not_quantised_and_llama_cpp_says_why(tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(NotQuantised, match=r"page\.gguf could not be made Q8_0: .*magic"):
        quantise(tmp_path / "page.gguf", tmp_path / "out.gguf", "Q8_0")
