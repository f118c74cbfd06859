"""How a record lies in a file: one line with its number, its length, a checksum over both and itself, and JSON."""

from __future__ import annotations

import re
from typing import NamedTuple
from zlib import crc32

# Number, length and checksum, each with a blank behind it: all up to the checksum is covered by it.
_COVERED = 12 + 1 + 8 + 1
_HEAD = _COVERED + 8 + 1
_LOST = re.compile(rb'\{"lost":(\d{1,12})\}')


class Frame(NamedTuple):
    """`lost` is 0 for a record; else so many records could not be saved by a repair, this number the last of them."""

    number: int
    payload: bytes
    lost: int = 0

    @property
    def first(self) -> int:
        """The number that has to follow the one before."""
        return self.number - self.lost + 1 if self.lost else self.number

    @property
    def line(self) -> bytes:
        start = b"%012d %08d " % (self.number, len(self.payload))
        return b"%b%08x %b\n" % (start, _checksum(start, self.payload), self.payload)


def lost(first: int, after: int) -> Frame:
    """In the place of records that are gone: from this number up to the one before the other."""
    return Frame(after - 1, b'{"lost":%d}' % (after - first), after - first)


def read(line: bytes) -> Frame | None:
    """None for anything but a whole line, each byte as it was written."""
    start, payload = line[:_COVERED], line[_HEAD:-1]
    if line[_COVERED:_HEAD] != b"%08x " % _checksum(start, payload) or line[-1:] != b"\n":
        return None
    # With its checksum right it is a line of ours, unless chance made it.
    number, length = start[:12], start[13:21]
    if not (number.isdigit() and length.isdigit()) or int(length) != len(payload):
        return None
    mark = _LOST.fullmatch(payload)
    return Frame(int(number), payload, int(mark[1]) if mark else 0)


def _checksum(start: bytes, payload: bytes) -> int:
    return crc32(payload, crc32(start))
