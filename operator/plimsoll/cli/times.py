"""Times as people read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from plimsoll.cli.exits import Unusable

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def age(since: str | datetime | None, now: datetime) -> str:
    """How long ago, in the one or two units that matter: 45s, 12m, 5h, 3d."""
    if since is None:
        return "-"
    then = since if isinstance(since, datetime) else datetime.fromisoformat(since)
    seconds = max(0, int((now - then).total_seconds()))
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds >= 2 * length), ("s", 1))
    return f"{seconds // length}{unit}"


def left(until: str | None, now: datetime) -> str:
    """How long from now: in 30d; what is over was 2h ago."""
    if until is None:
        return "-"
    then = datetime.fromisoformat(until)
    return f"in {age(now, then)}" if then > now else f"{age(then, now)} ago"


def lifetime(text: str) -> timedelta:
    """A duration that may begin with days: 90d, 1d12h."""
    days, mark, rest = text.rpartition("d")
    if mark and not re.fullmatch(r"\d{1,5}", days):
        raise Unusable(f"{text!r} is no duration", fix="write it as 90d, 12h or 1d12h")
    return timedelta(days=int(days or 0)) + (duration(rest) if rest or not mark else timedelta())


def duration(text: str) -> timedelta:
    """30s, 5m, 1h30m; a bare number is seconds."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?", text)
    if not text or found is None:
        raise Unusable(f"{text!r} is no duration", fix="write it as 30s, 5m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
