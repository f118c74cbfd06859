"""Exactly one token at the beginning of a text."""

from __future__ import annotations

import pytest

from plimsoll.runtime.templates.beginning import beginning


def test_a_beginning_that_the_template_wrote_is_left_to_a_tokenizer_that_adds_one() -> None:
    assert beginning("<s>[INST] hi", "<s>", True) == "[INST] hi"
    assert beginning("<s><s>hi", "<s>", True) == "hi"


def test_a_beginning_that_the_template_wrote_stays_once_where_the_tokenizer_adds_none() -> None:
    assert beginning("<s>[INST] hi", "<s>", False) == "<s>[INST] hi"
    assert beginning("<s><s>hi", "<s>", False) == "<s>hi"


@pytest.mark.parametrize("add_bos", [True, False])
@pytest.mark.parametrize(("text", "bos"), [("hi", "<s>"), ("hi", ""), ("hi<s>", "<s>")])
def test_a_text_that_begins_otherwise_stays_as_it_is(text: str, bos: str, add_bos: bool) -> None:
    assert beginning(text, bos, add_bos) == text
