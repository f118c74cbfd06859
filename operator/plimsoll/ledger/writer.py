"""Where the gateway hands its records."""

from __future__ import annotations

from typing import Protocol

from plimsoll.cost.record import Record


class Writer(Protocol):
    """Both raise LedgerTrouble."""

    def require_room(self) -> None:
        """To be asked before a call is let in: its record is written when its tokens are used already."""

    def write(self, record: Record) -> None:
        """When it returns, the record outlives this process."""
