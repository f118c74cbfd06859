"""A line of JSON for every request, without a word of what was said, and without a key."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import UTC, datetime
from functools import lru_cache
from queue import SimpleQueue

import msgspec

# Lines that are not written at once are lost when the process is killed; records are not, they lie in the journal.
_PAUSE_SECONDS = 0.1
# When whoever reads the log has fallen so far behind, the rest is left out and counted.
_MOST_BYTES = 4 << 20
_LAST_SECONDS = 1.0
_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Writes in a thread of its own: a reader that stands still shall stop nobody's stream."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._chunks: SimpleQueue[bytes | None] = SimpleQueue()
        # In bytes; the first is changed by the event loop only, the second by the thread only.
        self._taken = 0
        self._written = 0
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, told: object, now: float) -> None:
        """The fields of an object; `now` in seconds since 1970."""
        if self._taken - self._written > _MOST_BYTES:
            self._lost += 1
        else:
            self._add(now, b"info", b"request", told)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._hand_over, now)

    def close(self, now: float) -> None:
        """Everything is written then, or nobody reads it."""
        if self._timer is not None:
            self._timer.cancel()
        self._hand_over(now)
        self._chunks.put(None)
        self._thread.join(_LAST_SECONDS)

    def _add(self, now: float, level: bytes, message: bytes, told: object) -> None:
        start = b'{"time":"%b","level":"%b","message":"%b",' % (_time(now), level, message)
        line = start + _encode(told)[1:] + b"\n"
        self._lines.append(line)
        self._taken += len(line)

    def _hand_over(self, now: float) -> None:
        self._timer = None
        if self._lost and self._taken - self._written <= _MOST_BYTES:
            self._add(now, b"warning", b"requests left out", {"count": self._lost})
            self._lost = 0
        self._chunks.put(b"".join(self._lines))
        self._lines = []

    def _run(self) -> None:
        while (data := self._chunks.get()) is not None:
            left = data
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:
                # Nobody reads it any more, and there is nowhere left to say so.
                pass
            self._written += len(data)


def _time(now: float) -> bytes:
    milliseconds = int(now * 1000)
    return b"%b.%03d+00:00" % (_second(milliseconds // 1000), milliseconds % 1000)


@lru_cache(maxsize=4)
def _second(now: int) -> bytes:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
