"""How all requests of a process together treat a server that is away: they wait, instead of each asking again."""

from __future__ import annotations

import asyncio

from plimsoll.cluster.errors import Unavailable

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0
# One webhook that fails answers for its objects only: the server is away when nothing succeeds in between.
_FAILURES_THAT_COUNT = 3


class Patience:
    """Closed for a while after failures in a row, or for as long as the server asked."""

    def __init__(self, longest: float = _LONGEST_PAUSE) -> None:
        self._longest = longest
        self._failures = 0
        self._counted_at = -1.0
        self._closed_until = 0.0

    async def wait(self) -> None:
        left = self._closed_until - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, error: Unavailable, began: float) -> None:
        """`began` is when the request was sent: those that were under way together count as one failure."""
        now = asyncio.get_running_loop().time()
        together = began < self._counted_at
        if not together:
            self._failures += 1
            self._counted_at = now
        pause = error.retry_after
        if pause is None:
            beyond = self._failures - _FAILURES_THAT_COUNT
            pause = _FIRST_PAUSE * 2.0**beyond if beyond >= 0 and not together else 0.0
        self._closed_until = max(self._closed_until, now + min(pause, self._longest))
