"""Bodies that are still coming: whoever sends slowly takes nobody's seat, and all of them together have a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plimsoll.runtime.http.errors import too_much_coming

# As much as the HTTP server keeps of a body before anybody asks for it; so ordinary requests are never refused here.
_SMALL = 64 << 10
_MOST = 64 << 20
_RETRY_SECONDS = 5


class Intake:
    def __init__(self, most: int = _MOST) -> None:
        """`most`: bytes beyond the first few of each body."""
        self._left = most

    @contextmanager
    def growing(self) -> Iterator[Callable[[int], None]]:
        """For one body: what is to be told of its length as it grows. In the end everything is given back."""
        held = 0

        def grown(length: int) -> None:
            nonlocal held
            more = max(0, length - _SMALL) - held
            if more > self._left:
                raise too_much_coming(_RETRY_SECONDS)
            self._left -= more
            held += more

        try:
            yield grown
        finally:
            self._left += held
