"""The journal: each record is in a file before its caller has the last byte, and is there until it is taken over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from plimsoll.cost.record import Record
from plimsoll.ledger import confirmed, lock
from plimsoll.ledger.files import appending, files_of, path_of
from plimsoll.ledger.frames import Frame
from plimsoll.ledger.opening import holding, opened
from plimsoll.ledger.reading import Numbered, records_after
from plimsoll.ledger.syncing import Pace, Syncing
from plimsoll.ledger.trouble import JournalUnwritable, LedgerTrouble, failed, not_enough

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Room:
    """In bytes. `reserve` is left to the records of calls under way when everything else is used up."""

    file: int = 64 * _MIB
    most: int = 1024 * _MIB
    reserve: int = 16 * _MIB
    # After so many the disk is asked again what is left of it.
    look: int = _MIB


class Journal:
    """Numbers its records from 1 on; no number comes twice. Written by one thread; who confirms may be another."""

    def __init__(self, folder: Path, room: Room | None = None, pace: Pace | None = None) -> None:
        found = opened(folder)
        self._folder = folder
        self._room = room or Room()
        self._lock = found.lock
        self._file, self._first, self._size = found.file, found.first, found.size
        # First numbers and sizes of the files that take nothing more, the oldest first.
        self._full = found.full
        self._used = sum(found.full.values()) + found.size
        self._unlooked = self._room.look
        self._torn = False
        self._trouble: LedgerTrouble | None = None
        self._encoder = msgspec.json.Encoder()
        self.written = found.written
        self.confirmed = found.confirmed
        # What was at the end, was no whole record and is gone: whoever opens a journal tells it.
        self.cut = found.cut
        self._syncing = Syncing(folder, pace or Pace(), found.written)

    @property
    def synced(self) -> int:
        """Records up to this number survive a loss of power; the others only the end of the process."""
        return self._syncing.synced

    def require_room(self) -> None:
        """Raises LedgerTrouble while calls should not be let in."""
        self._require_sound()
        if not self._has_room(self._room.reserve):
            raise not_enough(self._folder, self._room.most - self._used, self._room.reserve)
        if self._unlooked >= self._room.look:
            free = self._free()
            if free >= self._room.reserve:
                self._unlooked = 0
            elif not self._remove_oldest():
                raise not_enough(self._folder, free, self._room.reserve)

    def write(self, record: Record) -> None:
        """When it returns, the record outlives this process. Raises LedgerTrouble."""
        self._require_sound()
        number = self.written + 1
        line = Frame(number, self._encoder.encode(record)).line
        if not self._has_room(len(line)):
            raise not_enough(self._folder, self._room.most - self._used, len(line))
        try:
            if self._size and self._size + len(line) > self._room.file:
                self._begin_file(number)
            self._append(line)
        except OSError as error:
            raise self._failed(error) from None
        self.written = number
        self._syncing.wrote(self._file, number)

    def replay(self) -> Iterator[Numbered]:
        """What is not confirmed, the oldest first, up to what is written now. Raises LedgerTrouble."""
        files = holding(files_of(self._folder), self.confirmed + 1)
        return records_after(files, self.confirmed, self.written)

    def confirm(self, number: int) -> None:
        """Somebody else has everything up to this record for good: it is not replayed, and its files may go."""
        if number > self.synced:
            raise ValueError(f"record {number} is not yet safe here, only {self.synced} is")
        if number > self.confirmed:
            try:
                confirmed.write(self._folder, number)
            except OSError as error:
                raise failed(self._folder, error) from None
            self.confirmed = number

    def close(self) -> None:
        """Everything is durable then, if nothing was wrong before."""
        self._syncing.close()
        self._file.close()
        lock.release(self._lock)

    def _require_sound(self) -> None:
        if self._syncing.trouble:
            raise failed(self._folder, self._syncing.trouble)
        if self._trouble:
            raise self._trouble

    def _has_room(self, needed: int) -> bool:
        while self._used + needed > self._room.most:
            if not self._remove_oldest():
                return False
        return True

    def _remove_oldest(self) -> bool:
        """The oldest file, if nobody needs it any more."""
        firsts = [*self._full, self._first][:2]
        if len(firsts) < 2 or firsts[1] > self.confirmed + 1:
            return False
        self._used -= self._full.pop(firsts[0])
        self._syncing.remove(path_of(self._folder, firsts[0]))
        return True

    def _free(self) -> int:
        try:
            found = os.fstatvfs(self._file.fileno())
        except OSError as error:
            raise failed(self._folder, error) from None
        return found.f_bavail * found.f_frsize

    def _begin_file(self, first: int) -> None:
        file = appending(path_of(self._folder, first))
        self._syncing.retire(self._file)
        self._full[self._first] = self._size
        self._file, self._first, self._size = file, first, 0

    def _append(self, line: bytes) -> None:
        if self._torn:
            self._mend()
        self._torn, done = True, 0
        while done < len(line):
            done += self._file.write(line[done:])
        self._torn = False
        self._size += done
        self._used += done
        self._unlooked += done

    def _mend(self) -> None:
        """Takes away the part of a record that a full disk has left."""
        self._file.truncate(self._size)
        self._torn = False

    def _failed(self, error: OSError) -> LedgerTrouble:
        if self._torn:
            with suppress(OSError):  # then the next record does it, or the next start
                self._mend()
        self._unlooked = self._room.look
        trouble = failed(self._folder, error)
        if isinstance(trouble, JournalUnwritable):
            self._trouble = trouble
        return trouble
