"""A journal from one number on, record by record, with everything that is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from plimsoll.ledger import frames
from plimsoll.ledger.files import JournalFile
from plimsoll.ledger.frames import Frame

# In bytes; more than a process can have written since the last fsync, so a longer end is no accident of that.
MOST_TORN = 1 << 20


class Bad(NamedTuple):
    """Bytes that are no records of the file; `whole` counts those that are records of another place."""

    file: JournalFile
    offset: int
    size: int
    whole: int


class Damage(NamedTuple):
    """`lost` is how many records are missing there; None at the end of the last file, where nobody can know."""

    bad: Bad
    lost: int | None

    @property
    def path(self) -> Path:
        return self.bad.file.path

    @property
    def is_torn_off(self) -> bool:
        """What a loss of power leaves of the last records, or what is being written now."""
        return self.lost is None and self.bad.size <= MOST_TORN and not self.bad.whole

    @property
    def words(self) -> str:
        size, offset = self.bad.size, self.bad.offset
        what = f"{size} bytes from byte {offset} on are no records of it" if size else "a part is missing"
        return f"{what}, and {self.lost} records are lost" if self.lost else what


def scan(file: JournalFile, content: BinaryIO) -> Iterator[Frame | Bad]:
    """Every good record of one file in its order, and what lies between them."""
    offset = bad = whole = last = 0
    for line in content:
        frame = frames.read(line)
        if frame is None or not _belongs(frame, file, last):
            bad += len(line)
            whole += frame is not None
        else:
            if bad:
                yield Bad(file, offset - bad, bad, whole)
            bad = whole = 0
            last = frame.number
            yield frame
        offset += len(line)
    if bad:
        yield Bad(file, offset - bad, bad, whole)


def _belongs(frame: Frame, file: JournalFile, last: int) -> bool:
    # A mark may stand before everything else, for what was lost before the file.
    return frame.first > last and file.first <= frame.number + bool(frame.lost) and frame.number < file.end


def walk(files: Sequence[JournalFile], confirmed: int = 0) -> Iterator[Frame | Damage]:
    """In order. What is confirmed may be gone without being missed; anything else has to be there."""
    begin, expected, bad = 0, 0, None  # no record has the number 0
    for file in files:
        try:
            content = file.path.open("rb")
        except FileNotFoundError:
            begin = expected = 0  # a gateway that runs removes what is confirmed
            continue
        begin = begin or begin_of(file, confirmed)
        with content:
            for found in scan(file, content):
                if isinstance(found, Bad):
                    bad = bad or found
                    continue
                lost = found.first - (expected or min(begin, found.first))
                if bad or lost > 0:
                    yield Damage(bad or Bad(file, 0, 0, 0), max(lost, 0))
                bad, expected = None, found.number + 1
                yield found
    if begin:
        lost = reached(files[-1], confirmed) - (expected or begin)
        if bad or lost > 0:
            nobody_knows = lost <= 0 and bad is not None and bad.file == files[-1]
            yield Damage(bad or Bad(files[-1], 0, 0, 0), None if nobody_knows else max(lost, 0))


def begin_of(first: JournalFile, confirmed: int) -> int:
    """The number that the oldest file has to begin with, unless a mark for what was lost stands before it."""
    return min(first.first, confirmed + 1) if confirmed else first.first


def reached(last: JournalFile, confirmed: int) -> int:
    """At least the number after the last: what was confirmed was there, and so was all before a file that was begun."""
    return max(last.first, confirmed + 1)
