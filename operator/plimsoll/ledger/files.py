"""The files of a journal: how they are called, made and found."""

from __future__ import annotations

import os
import re
import sys
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from plimsoll.ledger.trouble import JournalTooNew

# Where a gateway keeps its journal if nothing else is said.
FOLDER = Path("/var/lib/plimsoll/records")
_VERSION = 1
_NAME = re.compile(r"records-(\d{12})\.v(\d{1,6})")


class JournalFile(NamedTuple):
    """`first` is the number of the first record that was written to it, `end` that of the file after it."""

    first: int
    end: int
    path: Path


def path_of(folder: Path, first: int) -> Path:
    return folder / f"records-{first:012d}.v{_VERSION}"


def files_of(folder: Path) -> list[JournalFile]:
    """The oldest first. Raises JournalTooNew; what is called otherwise is left alone."""
    found = {}
    for path in folder.iterdir():
        if name := _NAME.fullmatch(path.name):
            if int(name[2]) != _VERSION:
                raise JournalTooNew(path)
            found[int(name[1])] = path
    firsts = sorted(found)
    return [JournalFile(*both, found[both[0]]) for both in pairwise([*firsts, sys.maxsize])]


def appending(path: Path) -> FileIO:
    """Each write goes to the end at once. Nobody but the owner may read what others used."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    return FileIO(os.open(path, flags, 0o600), "a")


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in it stays so after a loss of power."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def replace_whole(path: Path, content: bytes) -> None:
    """The old content or the new one is there at any moment, also after a loss of power."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)
