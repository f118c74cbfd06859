"""What a confined process may use."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    seconds: float = 0.9  # by the clock, for one question; an answer within a second needs time to be fetched
    cpu_seconds: int = 1  # for one question, rounded up by the kernel; ends a child whose parent is gone
    memory: int = 256 << 20  # addresses, not pages
    stack: int = 8 << 20
    answer: int = 4 << 20  # bytes

    def written(self) -> str:
        return json.dumps(asdict(self))


def read(written: str) -> Bounds:
    return Bounds(**json.loads(written))
