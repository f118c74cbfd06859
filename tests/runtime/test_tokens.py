"""Texts become tokens: with one beginning, the end that a model wants, and words of any length."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.runtime.endings import CannotServe
from plimsoll.runtime.model import Model
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.templates.beginning import beginning
from tests.support.byte_pairs import BOS, EOS, LETTERS, TOOL_CALLS, write


def load(path: Path) -> Model:
    return Model.load(path, Settings(model=path, alias="model", context=256))


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize(("bos", "eos"), [(True, False), (False, True), (True, True)])
def test_a_text_in_pieces_begins_and_ends_as_a_whole_one(tmp_path: Path, bos: bool, eos: bool) -> None:
    model = load(write(tmp_path / "model.gguf", bos=bos, eos=eos))
    whole = model.tokenize("ab !", special=True, begin=True).tolist()
    assert whole == [BOS] * bos + [LETTERS.index(each) for each in ("ab", "Ġ", "!")] + [EOS] * eos
    cut = model.tokenize("ab" * 5000, special=True, begin=True).tolist()
    assert cut == [BOS] * bos + [LETTERS.index("ab")] * 5000 + [EOS] * eos
    assert model.tokenize("ab" * 5000, special=True, begin=False).tolist() == [LETTERS.index("ab")] * 5000


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize("bos", [True, False])
def test_a_beginning_that_a_template_wrote_is_one_token_whatever_the_model_adds(tmp_path: Path, bos: bool) -> None:
    model = load(write(tmp_path / "model.gguf", bos=bos, eos=False))
    text = beginning("<s><s>ab", model.bos_text, model.adds_bos)
    assert model.tokenize(text, special=True, begin=True).tolist() == [BOS, LETTERS.index("ab")]


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize("letter", ["a", " ", "!"])
def test_a_word_without_end_does_not_end_the_process(tmp_path: Path, letter: str) -> None:
    path = write(tmp_path / "model.gguf", bos=True, eos=False)
    told = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()", path, letter],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (told.returncode, told.stdout.strip()) == (0, "200001"), told.stderr


@pytest.mark.usefixtures("engine_home")
@pytest.mark.parametrize("kind", ["sentence pieces", "byte pairs"])
def test_a_text_never_has_fewer_tokens_than_its_length_says(kind: str, tiny_model: Path, tmp_path: Path) -> None:
    model = load(tiny_model if kind == "sentence pieces" else write(tmp_path / "model.gguf"))
    rnd, proven = random.Random(7), 0
    words = ["ab", "balu ", " ", "\n", "</s>", "[TOOL_CALLS]", "▁", "😀", "é", "한", "\x03", "z" * 30]
    for _ in range(300):
        text = "".join(rnd.choices(words, k=rnd.randint(1, 60)))
        least = model.least_tokens(text)
        assert least <= len(model.tokenize(text, special=True, begin=False)), text
        proven += least > 1
    assert proven > 200


@pytest.mark.usefixtures("engine_home")
def test_a_model_that_a_letter_would_end_the_process_of_is_refused(tmp_path: Path) -> None:
    """Written as bytes where no token has it, it needs a token for each of them."""
    with pytest.raises(CannotServe, match="no token for the byte 0x00") as refused:
        load(write(tmp_path / "model.gguf", ggml__model="llama"))
    assert refused.value.reason is Reason.MODEL_UNSUPPORTED


@pytest.mark.usefixtures("engine_home")
def test_letters_that_the_model_does_not_know_are_counted_by_their_bytes(tiny_model: Path) -> None:
    model = load(tiny_model)
    assert model.least_tokens("😀" * 1000) == 4000


@pytest.mark.usefixtures("engine_home")
def test_a_control_token_is_shown_where_somebody_has_to_find_it(tmp_path: Path) -> None:
    model = load(write(tmp_path / "model.gguf"))
    assert model.piece(TOOL_CALLS) == b""
    model.show("[TOOL_CALLS]")
    assert (model.piece(TOOL_CALLS), model.piece(EOS)) == (b"[TOOL_CALLS]", b"")


def main() -> None:
    """In a process of its own, and there in a thread, as the engine does it."""
    model, counts = load(Path(sys.argv[1])), list[int]()
    text = sys.argv[2] * 200_000
    thread = threading.Thread(target=lambda: counts.append(len(model.tokenize(text, special=True, begin=True))))
    thread.start()
    thread.join()
    print(*counts)


if __name__ == "__main__":
    main()
