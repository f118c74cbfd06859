"""Every call that went through a proxy, in order, and when the last write of it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.support.api_calls import Call, Which, every_call
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Entry:
    """A call and what came of it. `status` is None as long as nobody has answered, 0 when nobody ever will."""

    call: Call
    began: float
    seconds: float | None = None
    status: int | None = None
    fault: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def __str__(self) -> str:
        told = f"{self.call} by {self.call.manager or '?'}: {self.status} {self.fault}"
        return told.rstrip()


class Journal:
    """Written by the proxy's thread, read by the test's."""

    def __init__(self, counts: Which, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._writes = 0
        self._first_shown = 0
        self._last_write = self._clock()

    def begin(self, call: Call) -> Call:
        """The call with its numbers."""
        with self._lock:
            counted = self._counts(call)
            self._writes += counted
            numbered = replace(call, number=len(self._entries) + 1, write=self._writes if counted else 0)
            self._entries.append(Entry(numbered, self._clock()))
            if counted:
                self._last_write = self._clock()
        return numbered

    def end(self, call: Call, status: int, fault: str = "") -> None:
        with self._lock:
            entry = self._entries[call.number - 1]
            now = self._clock()
            self._entries[call.number - 1] = replace(entry, seconds=now - entry.began, status=status, fault=fault)
            if call.write:
                self._last_write = now

    def restart(self) -> None:
        """What was so far is forgotten: the next write is number 1 again."""
        with self._lock:
            self._first_shown = len(self._entries)
            self._writes = 0

    def entries(self, which: Which = every_call) -> list[Entry]:
        with self._lock:
            return [entry for entry in self._entries[self._first_shown :] if which(entry.call)]

    def writes(self) -> list[Entry]:
        """The counted ones, refused ones too."""
        return self.entries(lambda call: call.write > 0)

    def quiet_for(self) -> float:
        """Seconds since a counted write last began or ended; 0 while one is under way."""
        with self._lock:
            open_write = any(entry.call.write and entry.status is None for entry in self._entries[self._first_shown :])
            return 0.0 if open_write else self._clock() - self._last_write

    def wait_for_writes(self, count: int, seconds: float) -> None:
        wait_until(lambda: len(self.writes()) >= count, seconds, lambda: f"{count} writes, only {told(self.writes())}")

    def wait_quiet(self, quiet: float, seconds: float) -> None:
        """Until no write was seen for so long."""
        wait_until(
            lambda: self.quiet_for() >= quiet, seconds, lambda: f"no more writes; last {told(self.writes()[-5:])}"
        )


def told(entries: Sequence[Entry]) -> str:
    return "\n".join(map(str, entries)) or "none"
