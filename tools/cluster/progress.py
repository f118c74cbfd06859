"""Says what is happening: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_PLAIN_EVERY = 10.0


class Progress:
    """Elapsed seconds before every line; `update` is cheap to call often."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._now = now
        self._began = now()
        self._live = self._stream.isatty()
        self._shown_at = float("-inf")
        self._open_line = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._stream.closed:
            # Whoever captured it has gone; what is done meanwhile still has to be done.
            return
        self._clear()
        self._stream.write(f"{self._stamp()} {text}\n")
        self._stream.flush()

    def update(self, text: str) -> None:
        """Where a long step stands: redrawn in place, or now and then as a line of its own."""
        now = self._now()
        if self._live:
            if now - self._shown_at < 0.1:
                return
            # One that wraps could not be redrawn in place.
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r\x1b[2K" + f"{self._stamp()} {text}"[:width])
            self._open_line = True
        elif now - self._shown_at < _PLAIN_EVERY:
            return
        else:
            self._stream.write(f"{self._stamp()} {text}\n")
        self._shown_at = now
        self._stream.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Says at the end what was done and how long it took."""
        began = self._now()
        self._shown_at = float("-inf")
        if self._live:
            self.update(f"{text} …")
        try:
            yield
        finally:
            self._clear()
        self.say(f"{text} ({self._now() - began:.1f} s)")

    def _stamp(self) -> str:
        elapsed = self._now() - self._began
        return f"{int(elapsed // 60):2d}:{elapsed % 60:04.1f}"

    def _clear(self) -> None:
        if self._open_line:
            self._stream.write("\r\x1b[2K")
            self._open_line = False


class Silent(Progress):
    """For callers that only want the result."""

    def say(self, text: str) -> None:
        pass

    def update(self, text: str) -> None:
        pass
