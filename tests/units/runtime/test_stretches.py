"""Texts in pieces: only what goes on for too long is cut."""

from __future__ import annotations

import pytest

from plimsoll.runtime.stretches import LONGEST, pieces

LONG = LONGEST + 1


@pytest.mark.parametrize("text", ["ab " * LONG, "a" * LONGEST + " " * LONGEST + "b", "", "a\nb" * LONG])
def test_a_text_with_breaks_stays_whole(text: str) -> None:
    assert list(pieces(text)) == [text][: len(text)]


@pytest.mark.parametrize("letter", ["a", " ", "1", "!", "\N{SAILBOAT}", "가", "\xa0", "\x1c"])
def test_what_goes_on_without_a_break_is_cut(letter: str) -> None:
    text = f"before {letter * 3 * LONG} after"
    parts = list(pieces(text))
    assert "".join(parts) == text
    assert max(len(part) for part in parts) <= len("before ") + LONGEST + 1


def test_a_cut_comes_before_a_mark_if_there_is_one() -> None:
    sentence = "가나다라。"
    parts = list(pieces(sentence * LONGEST))
    assert all(part.startswith("。") for part in parts[1:])


def test_a_text_of_many_words_stays_whole() -> None:
    text = "ab \n" * 20_000
    assert list(pieces(text)) == [text]
    assert next(pieces(text + "a" * (LONGEST + 1))).startswith(text)
