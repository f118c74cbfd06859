"""The volume for the weights: how much room it has, and what its refusals mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.api.reasons import Reason
from plimsoll.plan.sizing_words import in_bytes
from plimsoll.weights.trouble import SourceTrouble

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def free_bytes(folder: Path) -> int:
    """What a user without privileges can still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def disk_full(folder: Path, needed: int) -> SourceTrouble:
    words = f"{folder} has room for {in_bytes(free_bytes(folder))}, and the files take {in_bytes(needed)} more"
    return SourceTrouble(Reason.DISK_FULL, words)


@contextmanager
def writing(path: Path, needed: int) -> Iterator[None]:
    """Raises SourceTrouble where the volume does not take what is written; `needed` is how much there is to come."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EFBIG:
            words = f"the file system does not take files as large as {path.name} has to become"
            raise SourceTrouble(Reason.DISK_FULL, f"{words}: {in_bytes(needed)} were still to come") from None
        if error.errno in _FULL:
            raise disk_full(path.parent, needed) from None
        raise SourceTrouble(
            Reason.DOWNLOAD_FAILED,
            f"{path} could not be written: {error.strerror}",
            fix="look at the volume for the weights: whether it is mounted, writable and sound",
        ) from None


def sync_folder(folder: Path) -> None:
    """Makes sure that what was renamed or made in the folder is still so after a loss of power."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
