"""What all parts of the routing document have in common."""

from __future__ import annotations

from msgspec import Struct


# A document is a tree of tens of thousands of them: the collector of cycles would look for what cannot be there.
class Entry(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Never changed once made. A field that is unknown here may be a restriction, so nothing is half-read."""


class Secret(Struct, frozen=True, forbid_unknown_fields=True):
    """A text that is shown in no log, error or traceback. Only who sends it reads `value`."""

    value: str

    def __repr__(self) -> str:
        return "***"
