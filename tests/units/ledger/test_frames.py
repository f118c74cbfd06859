"""A record in a file: a line that proves itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.ledger.frames import Frame, lost, read

FRAME = Frame(17, b'{"request":"req-1"}')
PAYLOADS = st.binary(max_size=300).filter(lambda payload: b"\n" not in payload)


@given(st.integers(1, 10**12 - 1), PAYLOADS)
def test_a_line_is_read_as_it_was_written(number: int, payload: bytes) -> None:
    frame = Frame(number, payload)
    assert read(frame.line) == frame


def test_people_can_read_a_line() -> None:
    assert FRAME.line == b'000000000017 00000019 4b201cff {"request":"req-1"}\n'


def test_no_byte_can_change_unseen() -> None:
    line = FRAME.line
    for at in range(len(line)):
        for bit in range(8):
            changed = bytearray(line)
            changed[at] ^= 1 << bit
            assert read(bytes(changed)) is None


def test_no_part_of_a_line_is_a_line() -> None:
    line = FRAME.line
    assert all(read(line[:end]) is None for end in range(len(line)))
    assert all(read(line[begin:]) is None for begin in range(1, len(line)))


@given(st.binary(max_size=100))
def test_noise_is_no_line(noise: bytes) -> None:
    assert read(noise) is None


def test_a_mark_stands_for_all_records_that_are_gone() -> None:
    mark = lost(5, 9)
    assert (mark.first, mark.number, mark.lost) == (5, 8, 4)
    assert (FRAME.first, FRAME.lost) == (17, 0)


def test_a_record_that_begins_like_a_mark_is_none() -> None:
    assert Frame(3, b'{"lost":2,"request":"req-1"}').lost == 0
