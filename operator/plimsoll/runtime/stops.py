"""Stop strings: found across the borders of tokens, and nothing of them is ever shown."""

from __future__ import annotations

from collections.abc import Sequence


class StopFinder:
    """Text goes in as it is made and comes out as soon as it cannot belong to a stop string any more."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """What may be shown now, and whether a stop string was met."""
        seen = self._held + text
        found = [at for stop in self._stops if (at := seen.find(stop)) >= 0]
        if found:
            self._held = ""
            return seen[: min(found)], True
        cut = self._first_possible(seen)
        self._held = seen[cut:]
        return seen[:cut], False

    def rest(self) -> str:
        """What was held back, for when the text has ended otherwise."""
        held, self._held = self._held, ""
        return held

    def _first_possible(self, seen: str) -> int:
        """Where the longest end of the text begins that is also the beginning of a stop string."""
        end = len(seen)
        possible = end
        for stop in self._stops:
            at = seen.find(stop[0], max(0, end - len(stop) + 1), possible)
            while at >= 0 and not stop.startswith(seen[at:]):
                at = seen.find(stop[0], at + 1, possible)
            if at >= 0:
                possible = at
        return possible
