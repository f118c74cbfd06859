"""Bodies that are in memory: whoever sends a long one may be refused, so that all of them together have a bound."""

from __future__ import annotations

from plimsoll.gateway.errors import ApiError, Code

# As much as the HTTP server keeps of a body before anybody asks for it; so ordinary requests are never refused here.
SMALL = 64 << 10
_RETRY_SECONDS = 5


class Intake:
    def __init__(self, most: int) -> None:
        """`most`: bytes beyond the first few of each body."""
        self._left = most
        self._held: dict[str, int] = {}

    def grown(self, request: str, size: int) -> None:
        """The body of this request has so many bytes now."""
        if size <= SMALL:
            return
        held = self._held.get(request, 0)
        more = size - SMALL - held
        if more > self._left:
            raise ApiError(Code.BODIES_FULL, retry_after=_RETRY_SECONDS)
        self._left -= more
        self._held[request] = held + more

    def done(self, request: str) -> None:
        """Nobody needs its body any more."""
        self._left += self._held.pop(request, 0)
