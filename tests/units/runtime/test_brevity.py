"""The least that a text can be in tokens is never more than the best way to cut it into words."""

from __future__ import annotations

import random

import pytest

from plimsoll.runtime.brevity import Brevity, Word

LETTERS = [bytes([each]) for each in range(256)]
WORDS = ["ab", "abc", " ab", "é", "한국", "----------", "\n\n"]


def sentence_pieces() -> Brevity:
    names = [f"<0x{each:02X}>".encode() for each in range(256)]
    texts = names + [word.replace(" ", "▁").encode() for word in WORDS] + ["▁▁▁▁".encode(), b"</s>"]
    found = Brevity.of("llama", (Word(text, text) for text in texts))
    assert found is not None
    return found


def byte_pairs(without: bytes = b"") -> Brevity:
    pieces = [letter for letter in LETTERS if letter not in without] + [word.encode() for word in WORDS]
    found = Brevity.of("gpt2", (*(Word(piece, piece) for piece in pieces), Word(b"<|control|>", b"")))
    assert found is not None
    return found


def best(text: str, words: list[str]) -> int:
    """The fewest words and bytes that a text can be cut into."""
    data, pieces = text.encode(), [word.encode() for word in words]
    fewest = [0] * (len(data) + 1)
    for end in range(1, len(data) + 1):
        begun = [fewest[end - len(piece)] for piece in pieces if data[:end].endswith(piece)]
        fewest[end] = 1 + min([fewest[end - 1], *begun])
    return fewest[-1]


@pytest.mark.parametrize(
    ("brevity", "own"),
    [(sentence_pieces(), ["▁▁▁▁", "    ", "</s>"]), (byte_pairs(), ["<|control|>"])],
    ids=["sentence pieces", "byte pairs"],
)
def test_no_way_to_cut_a_text_has_fewer_tokens(brevity: Brevity, own: list[str]) -> None:
    rnd, words = random.Random(3), WORDS + own
    for _ in range(100):
        text = "".join(rnd.choices([*words, "a", " ", "é한"], k=rnd.randint(0, 12)))
        assert brevity.least(text) <= best(text, words), text


def test_a_long_text_has_many_tokens() -> None:
    assert byte_pairs().least("-" * 1100) == 100
    assert sentence_pieces().least("-" * 1200) == 100
    assert byte_pairs().least("-" * 1_100_000) == 100_000


def test_a_letter_in_no_word_is_as_many_tokens_as_bytes() -> None:
    assert sentence_pieces().least("😀" * 10) == 40
    assert sentence_pieces().least("a" * 12) == 1


def test_blanks_may_cost_nothing() -> None:
    assert sentence_pieces().least(" \n\t" * 1000) == byte_pairs().least(" \n\t" * 1000) == 0


@pytest.mark.parametrize(
    ("missing", "free", "other"), [(b"\x03", "\x03", "x"), (b"\xf0", "😀", "é"), (b"\x90", "é", "x")]
)
def test_a_byte_without_a_token_costs_nothing(missing: bytes, free: str, other: str) -> None:
    brevity = byte_pairs(without=missing)
    assert brevity.least(free * 1000) == 0
    assert brevity.least(other * 1000) > 0


@pytest.mark.parametrize("kind", ["bert", "t5", "rwkv", "plamo2", "gemma4", ""])
def test_of_other_tokenisers_nothing_is_known(kind: str) -> None:
    assert Brevity.of(kind, [Word(b"a", b"a")]) is None
