"""Journals in tests: small files, a thread that syncs when the test says so, and what others would read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.cost.record import Record
from plimsoll.ledger.files import files_of
from plimsoll.ledger.journal import Journal, Room
from plimsoll.ledger.reading import Numbered, found_in
from plimsoll.ledger.syncing import Pace

# A record of tests/support/usage.py takes less than a fifth of such a file.
SMALL = Room(file=2_000, most=1_000_000, reserve=1_000)


@contextmanager
def open_journal(folder: Path, room: Room = SMALL, pace: Pace | None = None) -> Iterator[Journal]:
    journal = Journal(folder, room, pace or at_once())
    try:
        yield journal
    finally:
        journal.close()


def at_once() -> Pace:
    """The disk of tests is trusted, and nobody waits for more."""
    return Pace(pause=lambda ending: None, fsync=lambda file: None)


def written(folder: Path, records: list[Record], room: Room = SMALL) -> list[Path]:
    """The files of a journal that has these records and was closed."""
    with open_journal(folder, room) as journal:
        for record in records:
            journal.write(record)
    return [file.path for file in files_of(folder)]


def read(folder: Path) -> list[Record]:
    """What is good in it."""
    return [found.record for found in found_in(folder) if isinstance(found, Numbered)]


class Disk:
    """An fsync that the test holds up, lets go and makes fail."""

    def __init__(self) -> None:
        self.synced: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.arrived = threading.Semaphore(0)
        self.failure: OSError | None = None

    @property
    def pace(self) -> Pace:
        return Pace(pause=lambda ending: None, fsync=self._fsync)

    def _fsync(self, file: int) -> None:
        self.arrived.release()
        self.open.wait(30)
        if self.failure:
            raise self.failure
        self.synced.append(file)
