"""Stop strings are found wherever the borders of tokens fall, and nothing of them is shown."""

from __future__ import annotations

import random

import pytest

from plimsoll.runtime.stops import StopFinder


def _shown(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    finder = StopFinder(stops)
    shown = ""
    for piece in pieces:
        text, stopped = finder.feed(piece)
        shown += text
        if stopped:
            return shown, True
    return shown + finder.rest(), False


@pytest.mark.parametrize(
    ("stops", "pieces", "shown", "stopped"),
    [
        (["END"], ["one END two"], "one ", True),
        (["END"], ["one E", "N", "D two"], "one ", True),
        (["END"], ["one E", "N", "ough"], "one ENough", False),
        (["END"], ["one EN"], "one EN", False),
        (["b", "abc"], ["a", "b"], "a", True),
        (["abc", "bcd"], ["ab", "cd"], "", True),
        (["aab"], ["a", "a", "a", "b"], "a", True),
        (["\n\n"], ["x\n", "y\n", "\nz"], "x\ny", True),
        (["끝"], ["시작", "끝"], "시작", True),
    ],
)
def test_a_stop_string_ends_the_text_before_it(stops: list[str], pieces: list[str], shown: str, stopped: bool) -> None:
    assert _shown(stops, pieces) == (shown, stopped)


def test_what_may_become_a_stop_string_is_held_back_and_no_more() -> None:
    finder = StopFinder(["<end>"])
    assert finder.feed("text <en") == ("text ", False)
    assert finder.feed("try") == ("<entry", False)


def test_the_cuts_between_pieces_do_not_matter() -> None:
    chance = random.Random(5)
    for _ in range(300):
        stops = ["".join(chance.choices("ab", k=chance.randint(1, 5))) for _ in range(chance.randint(1, 3))]
        text = "".join(chance.choices("abc", k=40))
        found = [at for stop in stops if (at := text.find(stop)) >= 0]
        pieces = []
        rest = text
        while rest:
            size = chance.randint(1, 6)
            pieces.append(rest[:size])
            rest = rest[size:]
        shown, stopped = _shown(stops, pieces)
        assert stopped == bool(found)
        # A longer stop string that begins earlier may still be open when a shorter one is already there.
        assert text.startswith(shown)
        assert not any(stop in shown for stop in stops)
        if not found:
            assert shown == text
