"""Up to which number somebody else has taken the records over: what may go, and where a replay begins."""

from __future__ import annotations

from pathlib import Path

from plimsoll.ledger.files import replace_whole
from plimsoll.ledger.trouble import JournalDamaged


def path_in(folder: Path) -> Path:
    return folder / "confirmed"


def read(folder: Path) -> int:
    """0 where nothing was ever confirmed."""
    path = path_in(folder)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return 0
    if not text.endswith(b"\n") or not text[:-1].isdigit():
        raise JournalDamaged(path, "it does not hold a number")
    return int(text)


def write(folder: Path, number: int) -> None:
    replace_whole(path_in(folder), b"%d\n" % number)
