"""What earlier passes met when they wrote: answers of the API server that no object tells.

They are lost with the process, and met again by the first write after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from plimsoll.plan.observed import Key


@dataclass
class Note:
    # As (kind, name): who has the name is not us.
    taken: set[tuple[str, str]] = field(default_factory=set)
    # As (kind, name) -> the words of the server.
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    # What the mirror said was not so: the next pass looks for itself.
    look_again: bool = False


class Notes:
    def __init__(self) -> None:
        self._notes: dict[Key, Note] = {}

    def of(self, key: Key) -> Note:
        return self._notes.setdefault(key, Note())

    @property
    def known(self) -> int:
        return len(self._notes)

    def refused(self, key: Key) -> bool:
        note = self._notes.get(key)
        return note is not None and bool(note.refused)

    def forget(self, key: Key) -> None:
        self._notes.pop(key, None)
