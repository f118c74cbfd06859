"""The copy of the routing document that Kubernetes mounts, for gateways that start while no operator answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plimsoll.routing.copies import unpack
from plimsoll.routing.document import Document

_PIECES = "piece*"
_State = tuple[tuple[str, int, int, int], ...]


class Copy:
    """Not for the thread that serves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: _State = ()

    def look(self) -> Document | None:
        """What is there since the last look; None without anything new. Raises DamagedCopy, SchemaTooNew and OSError.

        A damaged one is set aside: it is told once, and nothing of it is ever used.
        """
        pieces = list(_pieces(self._folder))
        found = tuple(_state(each) for each in pieces)
        if found == self._seen:
            return None
        read = [each.read_bytes() for each in pieces]
        self._seen = found
        return unpack(read)


def _pieces(folder: Path) -> Iterator[Path]:
    """Directly in the folder, or one level below; what Kubernetes swaps behind its links has names with dots."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from (each for each in sorted(entry.glob(_PIECES)) if each.is_file())
        elif entry.match(_PIECES) and entry.is_file():
            yield entry


def _state(piece: Path) -> tuple[str, int, int, int]:
    found = piece.stat()
    return (str(piece), found.st_mtime_ns, found.st_size, found.st_ino)
