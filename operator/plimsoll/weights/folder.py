"""The folder for the weights of one source: what is complete, and how it becomes so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plimsoll.api.reasons import Reason
from plimsoll.weights.listing import is_plain
from plimsoll.weights.note import Noted, left_at, read, written
from plimsoll.weights.partial import Partial
from plimsoll.weights.trouble import SourceTrouble
from plimsoll.weights.volume import sync_folder, writing

OWN = ".plimsoll"
_NOTE, _USED = "complete.json", "used"
_NO_NOTE = (OSError, ValueError, KeyError, TypeError)
_PART = re.compile(r"[0-9a-f]{32}\.(part|journal)")


@dataclass(frozen=True, slots=True)
class Folder:
    """`key` says which source and which identity belong here."""

    path: Path
    key: str

    @property
    def own(self) -> Path:
        return self.path / OWN

    def use(self) -> None:
        """Makes the folder if need be, and says that somebody uses it from now on."""
        with writing(self.path, 0):
            self.own.mkdir(parents=True, exist_ok=True)
            used = self.own / _USED
            used.touch()
            # The time of the volume, as for every other file there; whoever may write may set it.
            os.utime(used)

    def is_complete(self) -> bool:
        """Whether every file is here, as it was left when it had been checked. Nobody has to be asked then."""
        try:
            return all(file.is_as_left(self.path) for file in self._noted())
        except _NO_NOTE:
            return False

    def checked_again(self, say: Callable[[str], None]) -> list[Noted] | None:
        """The files, if those that are not as they were left have the same content; None when anything is missing."""
        try:
            return [self._checked_again(file, say) for file in self._noted()]
        except _NO_NOTE:
            return None
        except SourceTrouble as trouble:
            say(trouble.message)
            return None

    def finish(self, parts: Sequence[Partial]) -> None:
        """Gives all files their names, which none has before; then notes that they are complete."""
        with writing(self.path, 0):
            for part in parts:
                target = self.path / part.file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                part.move_to(target)
            for folder in sorted({(self.path / part.file.path).parent for part in parts} | {self.path}):
                sync_folder(folder)
            paths = [(part.file.path, part.file.checksum) for part in parts]
            self.note([Noted(path, left_at(self.path / path), checksum) for path, checksum in paths])
            self._remove_leftovers()

    def note(self, files: Sequence[Noted]) -> None:
        """That these files are everything, and have been checked."""
        new = self.own / f"{_NOTE}.new"
        with writing(self.path, 0):
            with new.open("w", encoding="utf-8") as file:
                file.write(written(self.key, files))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.own / _NOTE)
            sync_folder(self.own)

    def forget(self) -> None:
        """What is noted is not what is wanted, or not what is here any more."""
        with writing(self.path, 0):
            (self.own / _NOTE).unlink(missing_ok=True)

    def _checked_again(self, file: Noted, say: Callable[[str], None]) -> Noted:
        if file.is_as_left(self.path):
            return file
        say(f"{file.path} is not as it was left")
        return file.check_again(self.path)

    def _noted(self) -> list[Noted]:
        return read((self.own / _NOTE).read_bytes(), self.key)

    def _remove_leftovers(self) -> None:
        """Beginnings of files that the source does not have any more."""
        for entry in self.own.iterdir():
            if _PART.fullmatch(entry.name):
                entry.unlink(missing_ok=True)


def last_use(folder: Path) -> float | None:
    """When somebody last began to use it, in seconds; None for what is no folder of ours."""
    try:
        # Opened, because a network volume may answer a mere look with what it knew a minute ago.
        with (folder / OWN / _USED).open("rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def require_places(paths: Sequence[str]) -> None:
    """Raises SourceTrouble unless all paths stay in the folder, out of our own part of it, and out of each other."""
    known = set(paths)
    for path in paths:
        above = {"/".join(path.split("/")[:count]) for count in range(1, path.count("/") + 1)}
        if not is_plain(path) or path.split("/")[0] == OWN or known & above:
            raise SourceTrouble(Reason.NOT_A_MODEL, "the source has a file whose path is not one to put files at")
    if len(known) != len(paths):
        raise SourceTrouble(Reason.NOT_A_MODEL, "the source names the same file twice")
