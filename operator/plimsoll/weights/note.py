"""What is noted of files that were checked: how each was left, so that a later start sees which changed since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from plimsoll.weights.checksums import Checksum


@dataclass(frozen=True, slots=True)
class Left:
    """`inode` is another one when a file was put in the place of the one that was checked, whatever its time says."""

    size: int
    time: int
    inode: int


@dataclass(frozen=True, slots=True)
class Noted:
    """`checksum` is what the content was checked against; None where the source knows no hash of it."""

    path: str
    left: Left
    checksum: Checksum | None

    def is_as_left(self, folder: Path) -> bool:
        found = left_at(folder / self.path)
        # Some volumes give other inodes at each mount. Without a hash that would mean to fetch everything again.
        return found == (self.left if self.checksum else replace(self.left, inode=found.inode))

    def check_again(self, folder: Path) -> Noted:
        """As it is now, if it still has the content that was checked. Raises SourceTrouble, OSError or ValueError."""
        # Looked at before it is read: a change meanwhile is seen at the next start.
        found = left_at(folder / self.path)
        if self.checksum is None or found.size != self.left.size:
            raise ValueError
        self.checksum.check(folder / self.path, self.path)
        return replace(self, left=found)


def left_at(path: Path) -> Left:
    found = path.stat()
    return Left(found.st_size, found.st_mtime_ns, found.st_ino)


def written(key: str, files: Sequence[Noted]) -> str:
    return json.dumps({"key": key, "files": [asdict(file) for file in files]})


def read(text: bytes, key: str) -> list[Noted]:
    """Raises ValueError, KeyError or TypeError for a note that is damaged, or of something else."""
    told = json.loads(text)
    if told["key"] != key:
        raise ValueError
    return [
        Noted(
            file["path"],
            Left(**file["left"]),
            None if file["checksum"] is None else Checksum(**file["checksum"]),
        )
        for file in told["files"]
    ]
