"""Characters are never split, whatever the tokens are."""

from __future__ import annotations

from plimsoll.runtime.text import TextStream


def test_a_character_is_shown_when_its_last_byte_has_come() -> None:
    text = TextStream(())
    pieces = [text.feed(bytes([byte])) for byte in "한".encode()]
    assert pieces == ["", "", "한"]


def test_a_byte_that_is_no_character_is_replaced_and_the_text_goes_on() -> None:
    text = TextStream(())
    assert text.feed(b"a\xff") + text.feed(b"b") + text.end() == "a\N{REPLACEMENT CHARACTER}b"


def test_half_a_character_at_the_end_is_replaced() -> None:
    text = TextStream(())
    assert text.feed("é".encode()[:1]) == ""
    assert text.end() == "\N{REPLACEMENT CHARACTER}"


def test_a_stop_string_may_be_made_of_half_characters() -> None:
    text = TextStream(("끝",))
    half = "끝".encode()
    assert text.feed(b"x" + half[:2]) == "x"
    assert text.feed(half[2:]) == ""
    assert text.stopped
    assert text.end() == ""


def test_what_was_held_back_is_shown_when_the_text_ends_otherwise() -> None:
    text = TextStream(("###",))
    assert text.feed(b"a##") == "a"
    assert text.end() == "##"
    assert not text.stopped


def test_a_stop_string_completed_by_a_replaced_end_still_stops() -> None:
    text = TextStream(("\N{REPLACEMENT CHARACTER}",))
    assert text.feed(b"a" + "é".encode()[:1]) == "a"
    assert text.end() == ""
    assert text.stopped
