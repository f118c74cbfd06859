"""How often a call may be tried again, and when a backend that has too much wants to be asked again."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

# The first try and two more.
MOST_ATTEMPTS = 3
# Every call pays in so much of a second try, so that all of them together are never more than a tenth of the calls.
_EACH = 0.1
_AT_FIRST, _MOST = 3.0, 10.0
# Of a backend that says it has too much, and not for how long; and for however long it says.
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class RetryBudget:
    """Of one model. When all of its backends fail, second tries must not be what keeps them down."""

    def __init__(self) -> None:
        self._left = _AT_FIRST

    def earn(self) -> None:
        self._left = min(_MOST, self._left + _EACH)

    def spend(self) -> bool:
        """Whether there is one left; then it is used."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def pause_of(retry_after: str | None, now: float) -> float:
    """Seconds from a header Retry-After, as number or date; `now` in seconds since 1970."""
    if retry_after is None:
        return _PAUSE
    text = retry_after.strip()
    # Also with a point, as some providers write it.
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return min(_LONGEST_PAUSE, float(text))
    try:
        until = parsedate_to_datetime(text).timestamp()
    except ValueError:
        return _PAUSE
    return min(_LONGEST_PAUSE, max(0.0, until - now))
