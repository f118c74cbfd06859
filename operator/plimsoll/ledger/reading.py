"""Records of a journal as others see them: those of a running gateway too, and of a folder that was copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from plimsoll.cost.record import Record
from plimsoll.ledger.files import JournalFile, files_of
from plimsoll.ledger.frames import Frame
from plimsoll.ledger.trouble import JournalDamaged, JournalTooNew
from plimsoll.ledger.walking import Damage, walk

_DECODER = msgspec.json.Decoder(Record)


class Numbered(NamedTuple):
    number: int
    record: Record


class Lost(NamedTuple):
    """Records that a repair could not save."""

    first: int
    last: int


def found_in(folder: Path) -> Iterator[Numbered | Lost | Damage]:
    """Everything that can be read, the oldest first. Raises JournalTooNew and OSError."""
    files = files_of(folder)
    for found in walk(files):
        yield found if isinstance(found, Damage) else told(found, folder)


def records_after(files: Sequence[JournalFile], confirmed: int, last: int) -> Iterator[Numbered]:
    """Those with the numbers between. Raises LedgerTrouble."""
    for found in walk(files, confirmed) if confirmed < last else ():
        if isinstance(found, Damage):
            raise JournalDamaged(found.path, found.words)
        if found.number > confirmed and isinstance(record := told(found, files[0].path.parent), Numbered):
            yield record
        if found.number >= last:
            return  # what comes behind may be half a record that is being written


def told(frame: Frame, folder: Path) -> Numbered | Lost:
    if frame.lost:
        return Lost(frame.first, frame.number)
    try:
        return Numbered(frame.number, _DECODER.decode(frame.payload))
    except msgspec.ValidationError:
        # Each byte is as it was written, so it was written by somebody who knows more fields.
        raise JournalTooNew(folder) from None
