"""What every path has at hand: the state, the way in, the way on, clocks, and who hears of what has ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from plimsoll.gateway.admission import Admission
from plimsoll.gateway.call import Carry
from plimsoll.gateway.ended import LogLine
from plimsoll.gateway.intake import Intake
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import State

# Drawn at once: asking the kernel takes longer than everything else about an id.
_DRAWN = 256
_LENGTH = 32


def random_ids() -> Callable[[], str]:
    """Never one that a client sends: two records with the same one would be the same record."""
    return _drawn().__next__


def _drawn() -> Iterator[str]:
    while True:
        digits = secrets.token_hex(_DRAWN * _LENGTH // 2)
        for at in range(0, len(digits), _LENGTH):
            yield f"req_{digits[at : at + _LENGTH]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    auth: Auth
    body_seconds: float
    state: State
    intake: Intake
    admission: Admission
    carry: Carry
    metrics: Metrics
    log: Callable[[LogLine, float], None]
    new_id: Callable[[], str] = field(default_factory=random_ids)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
