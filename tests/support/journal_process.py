"""A process that writes records until somebody kills it, and says on its standard output what it was told is safe."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from plimsoll.ledger.journal import Journal, Room
from tests.support.usage import used

# A rotation every few dozen records; nothing is ever removed.
_ROOM = Room(file=20_000, most=1 << 30, reserve=0)
_CONFIRMED_EVERY = 25


def _say(word: str, number: int) -> None:
    os.write(1, f"{word} {number}\n".encode())


def main(folder: Path) -> None:
    journal = Journal(folder, _ROOM)
    replayed = [each.number for each in journal.replay()]
    if replayed:
        _say("from", replayed[0])
    if replayed != [*range(journal.confirmed + 1, journal.written + 1)]:
        raise SystemExit(f"{replayed} were handed over after {journal.confirmed}")
    while True:
        number = journal.written + 1
        journal.write(used(f"req-{number}"))
        _say("wrote", number)
        if number % _CONFIRMED_EVERY == 0:
            safe = journal.synced
            journal.confirm(safe)
            _say("confirmed", safe)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
