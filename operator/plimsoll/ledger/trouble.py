"""Why a record cannot be written or read, and what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

from plimsoll.errors import UserError
from plimsoll.plan.sizing_words import in_bytes

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LedgerTrouble(UserError):
    """Records are not safe now; whoever serves has to refuse, or its owner has chosen to serve without them."""


class JournalFull(LedgerTrouble):
    """There is no room for more records. It passes as soon as there is."""


class JournalUnwritable(LedgerTrouble):
    """The disk failed. What it holds is only known again when the journal is opened anew."""


class JournalInUse(LedgerTrouble):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another process writes the journal in {folder}",
            fix="give each gateway a folder of its own, or wait until the other process has ended",
        )


class JournalTooNew(LedgerTrouble):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was written by a newer Plimsoll, and this one would read it wrong",
            fix="run the newer version, or at least until its records are taken over",
        )


class JournalDamaged(LedgerTrouble):
    """In the middle: there are good records after it, so nothing may be cut."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(
            f"{path} is damaged: {words}",
            fix=f"run `plimsoll records repair --folder {path.parent}`: it keeps every good record, sets the damaged "
            "file aside and says what is lost",
        )


def no_room(folder: Path, words: str) -> JournalFull:
    return JournalFull(
        f"the journal in {folder} takes no more records: {words}",
        fix="give its volume more room, or the journal a larger part of it; what is confirmed is removed by itself",
    )


def failed(folder: Path, error: OSError) -> LedgerTrouble:
    """What a refusal of the file system means."""
    if error.errno in _FULL:
        return no_room(folder, error.strerror or "the disk is full")
    return JournalUnwritable(
        f"the journal in {folder} could not be written: {error.strerror}",
        fix="look at its volume: whether it is mounted, writable and sound; then start the gateway again",
    )


def not_enough(folder: Path, left: int, needed: int) -> JournalFull:
    return no_room(folder, f"{in_bytes(max(left, 0))} are left, and {in_bytes(needed)} are kept for calls under way")
