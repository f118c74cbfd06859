"""The routing document as it is now, and the last steps to it. Used in the event loop only."""

from __future__ import annotations

import asyncio
from collections import deque

from plimsoll.routing.changes import Update, update_between
from plimsoll.routing.document import Document, Version

# Whoever has missed more than this is served the whole document, which is not much longer then.
_KEPT_CHANGES = 5_000


class RoutingTable:
    """What the operator says to all gateways; each of them asks for what it has missed."""

    def __init__(self, kept_changes: int = _KEPT_CHANGES) -> None:
        # None until everything was listed once.
        self.current: Document | None = None
        self._kept_changes = kept_changes
        self._steps: deque[Update] = deque()
        self._changes = 0
        self._news = asyncio.Event()

    def put(self, document: Document) -> None:
        """A new version; ignored if it says nothing new. ValueError where it is not newer than the current one."""
        before = self.current
        if before is not None:
            if document.version <= before.version:
                raise ValueError(f"{document.version} does not follow {before.version}")
            update = update_between(before, document)
            if update is None and document.version.epoch == before.version.epoch:
                return
            if update is not None and document.version == before.version.next():
                self._remember(update)
            else:
                self._forget()
        self.current = document
        self._news.set()
        self._news = asyncio.Event()

    def since(self, version: Version) -> list[Update] | None:
        """What brings a gateway from that version here; None: send the whole document (too old, or another epoch)."""
        if self.current is None or version.epoch != self.current.version.epoch:
            return None
        missed = self.current.version.sequence - version.sequence
        if not 0 <= missed <= len(self._steps):
            return None
        return list(self._steps)[len(self._steps) - missed :]

    async def beyond(self, version: Version | None) -> None:
        """Returns when `current` is there and newer than that."""
        while self.current is None or (version is not None and self.current.version <= version):
            await self._news.wait()

    def _remember(self, update: Update) -> None:
        self._steps.append(update)
        self._changes += len(update.changes)
        while self._changes > self._kept_changes:
            self._changes -= len(self._steps.popleft().changes)

    def _forget(self) -> None:
        self._steps.clear()
        self._changes = 0
