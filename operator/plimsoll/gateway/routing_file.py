"""A routing document in a file: what tests, benches and laptops use in place of an operator."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from plimsoll.errors import UserError
from plimsoll.routing.changes import SchemaTooNew
from plimsoll.routing.document import Document
from plimsoll.routing.encoding import UnreadableRouting, decode_document

_LOG = logging.getLogger(__name__)
# Asking for the state of one file costs a few microseconds. Notifications of the kernel would come sooner, and not at
# all from network volumes and from the links that Kubernetes swaps when a mounted object changes.
_LOOK_SECONDS = 0.2
_State = tuple[int, int, int]


class Trouble(StrEnum):
    MISSING = "missing"
    DAMAGED = "damaged"
    TOO_NEW = "too_new"
    # Of the operator: somebody else has led since.
    OLDER = "older"
    # The copy for a start without the operator.
    DAMAGED_COPY = "damaged_copy"


class NoRouting(UserError):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}", fix="name a file with a routing document in --routing")


def read_routing(path: Path) -> Document:
    """Raises NoRouting, SchemaTooNew and UnreadableRouting."""
    try:
        return decode_document(path.read_bytes())
    except OSError as error:
        raise NoRouting(path, error.strerror or str(error)) from None


class RoutingFile:
    """The last good document counts, whatever is read later; not the versions in it, as who writes the file decides."""

    def __init__(self, path: Path, heard: Callable[[Document], None], trouble: Callable[[Trouble], None]) -> None:
        """Both are called in a thread of its own, but for the first document."""
        self._path = path
        self._heard = heard
        self._trouble = trouble
        self._seen = self._state()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="routing-file", daemon=True)

    def first(self) -> Document:
        """A file that is wrong from the beginning is a mistake of whoever starts this."""
        return read_routing(self._path)

    def start(self) -> None:
        """Raises UserError."""
        self._heard(self.first())
        self._thread.start()

    async def stop(self) -> None:
        self._ended.set()
        await asyncio.to_thread(self._thread.join)

    def look(self) -> None:
        """Once; the thread does it again and again."""
        found = self._state()
        if found != self._seen:
            self._seen = found
            self._read()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.look()

    def _state(self) -> _State | None:
        with suppress(OSError):
            found = self._path.stat()
            return (found.st_mtime_ns, found.st_size, found.st_ino)
        return None

    def _read(self) -> None:
        try:
            document = read_routing(self._path)
        except NoRouting as error:
            self._tell(Trouble.MISSING, error)
        except SchemaTooNew as error:
            self._tell(Trouble.TOO_NEW, error)
        except UnreadableRouting as error:
            self._tell(Trouble.DAMAGED, error)
        else:
            self._heard(document)

    def _tell(self, trouble: Trouble, error: UserError) -> None:
        _LOG.error("the last good routing document goes on to count, because %s", error.message)
        self._trouble(trouble)
