"""What policy did to a request that the client has to hear of: header lines, and names for a metric."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from plimsoll.routing.policy import Value


@dataclass(frozen=True, slots=True)
class Capped:
    """A value outside of what the owner allows, and the nearest one that was sent instead."""

    field: str
    sent: Value
    asked: Value

    def __str__(self) -> str:
        return f"{self.field}={self.sent};asked={self.asked}"


class Report(Struct, frozen=True):
    capped: tuple[Capped, ...] = ()
    # Fields that the backend has no word for, and that it was therefore not sent.
    unsupported: tuple[str, ...] = ()

    def headers(self) -> list[tuple[bytes, bytes]]:
        if not self.capped and not self.unsupported:
            return []
        lines = {"capped": map(str, self.capped), "unsupported": self.unsupported}
        told = {name: ", ".join(each) for name, each in lines.items()}
        return [(f"x-plimsoll-{name}".encode(), text.encode()) for name, text in told.items() if text]
