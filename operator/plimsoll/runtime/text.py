"""From the bytes of tokens to text that can be shown: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from plimsoll.runtime.stops import StopFinder

_decoder = codecs.getincrementaldecoder("utf-8")


class TextStream:
    """The text of one answer. What is no UTF-8 becomes U+FFFD, a character that is not whole yet waits."""

    __slots__ = ("_characters", "_stops", "stopped")

    def __init__(self, stops: Sequence[str]) -> None:
        self._characters = _decoder("replace")
        self._stops = StopFinder(stops) if stops else None
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        text = self._characters.decode(piece)
        if self._stops is None or not text:
            return text
        shown, self.stopped = self._stops.feed(text)
        return shown

    def end(self) -> str:
        """What was held back; empty when a stop string was met."""
        if self.stopped:
            return ""
        text = self._characters.decode(b"", final=True)
        if self._stops is None:
            return text
        shown, self.stopped = self._stops.feed(text)
        return shown if self.stopped else shown + self._stops.rest()
