"""What a journal looks like before the first record of a new process: checked, its end made whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from plimsoll.ledger import confirmed, lock
from plimsoll.ledger.files import JournalFile, appending, files_of, path_of, sync_folder
from plimsoll.ledger.trouble import JournalDamaged, LedgerTrouble, failed
from plimsoll.ledger.walking import Bad, Damage, walk


@dataclass(slots=True)
class Opened:
    """`file` takes what comes next. `cut` is what was no whole record at the end of it and is gone, if anything was."""

    lock: int
    file: FileIO
    first: int
    size: int
    written: int
    confirmed: int
    cut: Bad | None
    # The files that take nothing more, with their sizes, the oldest first.
    full: dict[int, int]


def opened(folder: Path) -> Opened:
    """Raises LedgerTrouble; then nothing is changed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = lock.take(folder)
        try:
            return _checked(folder, number)
        except (OSError, LedgerTrouble):
            lock.release(number)
            raise
    except OSError as error:
        raise failed(folder, error) from None


def holding(files: Sequence[JournalFile], number: int) -> Sequence[JournalFile]:
    """The file that has this record, and those after it."""
    begin = max((at for at, file in enumerate(files) if file.first <= number), default=0)
    return files[begin:]


def _checked(folder: Path, number: int) -> Opened:
    taken = confirmed.read(folder)
    files = files_of(folder)
    written, cut = _read_through(holding(files, taken + 1), taken)
    if cut:
        os.truncate(cut.file.path, cut.offset)
    current = files.pop() if files else None
    first = current.first if current else written + 1
    file = appending(path_of(folder, first))
    # What an earlier process left may be in memory only.
    os.fsync(file.fileno())
    sync_folder(folder)
    full = {each.first: each.path.stat().st_size for each in files}
    return Opened(number, file, first, file.tell(), written, taken, cut, full)


def _read_through(files: Sequence[JournalFile], taken: int) -> tuple[int, Bad | None]:
    """The number of the last record, and what has to be cut behind it."""
    written = max(taken, files[-1].first - 1) if files else taken
    cut = None
    for found in walk(files, taken):
        if not isinstance(found, Damage):
            written = found.number
        elif found.is_torn_off:
            cut = found.bad
        else:
            raise JournalDamaged(found.path, found.words)
    return written, cut
