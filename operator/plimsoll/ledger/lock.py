"""One process for each journal. The kernel lets go of the lock when its owner ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plimsoll.ledger.trouble import JournalInUse


def take(folder: Path) -> int:
    """What `release` needs. Raises JournalInUse."""
    number = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise JournalInUse(folder) from None
    return number


def release(number: int) -> None:
    os.close(number)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    number = take(folder)
    try:
        yield
    finally:
        release(number)
