"""Makes a damaged journal whole: every good record stays, what is lost is marked, the damaged file is set aside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from plimsoll.ledger import confirmed, frames, lock
from plimsoll.ledger.files import JournalFile, files_of, replace_whole, sync_folder
from plimsoll.ledger.trouble import JournalDamaged, failed
from plimsoll.ledger.walking import Bad, begin_of, reached, scan


@dataclass(frozen=True, slots=True)
class Repaired:
    """One file. `aside` is where it lies as it was; `bad` counts bytes, the others count records."""

    path: Path
    aside: Path
    kept: int
    lost: int
    bad: int


@dataclass(slots=True)
class _Made:
    lines: list[bytes]
    kept: int = 0
    lost: int = 0
    bad: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.lost or self.bad)


def repair(folder: Path) -> list[Repaired]:
    """Those files that were damaged; a second run finds none. Raises LedgerTrouble."""
    try:
        with lock.held(folder):
            return [*_confirmed(folder), *_files(folder)]
    except OSError as error:
        raise failed(folder, error) from None


def _confirmed(folder: Path) -> list[Repaired]:
    """Without it everything is handed over once more, and whoever takes it knows what he has."""
    try:
        confirmed.read(folder)
    except JournalDamaged:
        path = confirmed.path_in(folder)
        aside = _set_aside(path)
        path.unlink()
        sync_folder(folder)
        return [Repaired(path, aside, 0, 0, aside.stat().st_size)]
    return []


def _files(folder: Path) -> list[Repaired]:
    files, taken = files_of(folder), confirmed.read(folder)
    done, expected = [], 0  # no record has the number 0
    begin = begin_of(files[0], taken) if files else 0
    for file in files:
        made, expected = _made(file, expected, begin)
        if file == files[-1] and (expected or begin) < reached(file, taken):
            made.lines.append(_mark(made, expected or begin, reached(file, taken)))
        if made.changed:
            done.append(_replaced(file, made))
    return done


def _made(file: JournalFile, expected: int, begin: int) -> tuple[_Made, int]:
    """What the file should hold, and the number that has to follow."""
    made = _Made([])
    with file.path.open("rb") as content:
        for found in scan(file, content):
            if isinstance(found, Bad):
                made.bad += found.size
                continue
            due = expected or min(begin, found.first)
            if found.first > due:
                made.lines.append(_mark(made, due, found.first))
            made.lines.append(found.line)
            made.kept += not found.lost
            expected = found.number + 1
    return made, expected


def _mark(made: _Made, first: int, after: int) -> bytes:
    made.lost += after - first
    return frames.lost(first, after).line


def _replaced(file: JournalFile, made: _Made) -> Repaired:
    aside = _set_aside(file.path)
    replace_whole(file.path, b"".join(made.lines))
    return Repaired(file.path, aside, made.kept, made.lost, made.bad)


def _set_aside(path: Path) -> Path:
    """The same file under another name, which no journal reads."""
    number = 1
    while (aside := path.with_name(f"damaged-{number}-{path.name}")).exists():
        number += 1
    os.link(path, aside)
    return aside
