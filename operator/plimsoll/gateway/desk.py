"""What every path has at hand: the state, the way in, the way on, clocks, and who hears of what has ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plimsoll.gateway.admission import Admission
from plimsoll.gateway.call import Carry
from plimsoll.gateway.intake import Intake
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import State


def random_id() -> str:
    """Never one that a client sends: two records with the same one would be the same record."""
    return f"req_{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    auth: Auth
    body_seconds: float
    state: State
    intake: Intake
    admission: Admission
    carry: Carry
    metrics: Metrics
    log: Callable[[dict[str, Any], float], None]
    new_id: Callable[[], str] = random_id
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
