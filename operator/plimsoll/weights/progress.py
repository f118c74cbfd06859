"""How far a download is, as plain lines: for logs, where nobody sees a bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from plimsoll.plan.sizing_words import in_bytes

_SECONDS = 5.0


@dataclass(slots=True)
class Progress:
    """`there` are the bytes that are safe on disk from this run and earlier ones; `total` where it is known."""

    say: Callable[[str], None]
    monotonic: Callable[[], float]
    total: int | None = None
    received: int = 0
    _there: int = 0
    _began: float = 0.0
    _told: float = field(default=float("-inf"))

    def begin(self, total: int | None, there: int) -> None:
        self.total, self._there, self.received = total, there, 0
        self._began = self._told = self.monotonic()
        words = "of unknown size" if total is None else in_bytes(total)
        self.say(f"downloading {words}" + (f", {in_bytes(there)} of it are here already" if there else ""))

    def add(self, count: int) -> None:
        """Tells of it at most every five seconds."""
        self.received += count
        now = self.monotonic()
        if now - self._told >= _SECONDS:
            self._told = now
            self.say(self._line(now))

    def lost(self, count: int) -> None:
        """Bytes that have to come once more."""
        self._there -= count

    def _line(self, now: float) -> str:
        done = max(0, self._there + self.received)
        rate = self.received / max(now - self._began, 1e-9)
        speed = f"{in_bytes(int(rate))}/s"
        if not self.total:
            return f"{in_bytes(done)}, {speed}"
        share = min(100, 100 * done // self.total)
        left = f"{_time(max(0, self.total - done) / rate)} left" if rate >= 1 else "nothing comes"
        return f"{in_bytes(done)} of {in_bytes(self.total)} ({share} %), {speed}, {left}"


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 6000 else f"{whole / 3600:.1f} h"
