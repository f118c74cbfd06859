"""What the demo prints: commands as a person would type them, what they say, and that it still goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_SILENCE = 8.0
_LIVE = 0.5


class Terminal:
    """Plain lines where there is no terminal; on one, a line that counts the seconds while nothing else is said."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._now = now
        self._live = self._stream.isatty()
        self._last = now()
        self._open = False

    def line(self, text: str = "") -> None:
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()
        self._last = self._now()

    def heading(self, text: str) -> None:
        self.line()
        self.line(f"\x1b[1m{text}\x1b[0m" if self._live else text)

    def command(self, text: str) -> None:
        self.line(f"$ {text}")

    def said(self, text: str) -> None:
        self.line(f"  {text}")

    def waiting(self, text: str, seconds: float) -> None:
        """To be called often while nothing is said: nobody is left without a sign for ten seconds."""
        if not self._live:
            if self._now() - self._last >= _SILENCE:
                self.line(f"  … {text} ({seconds:.0f} s)")
        elif self._now() - self._last >= _LIVE:
            self._stream.write(f"\r\x1b[2K  … {text} ({seconds:.0f} s)")
            self._stream.flush()
            self._open = True

    @property
    def pause(self) -> float:
        """How often `waiting` wants to be called."""
        return _LIVE

    def _clear(self) -> None:
        if self._open:
            self._stream.write("\r\x1b[2K")
            self._open = False
