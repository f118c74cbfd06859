"""The part of a limit that one of several gateways enforces, without asking the others."""

from __future__ import annotations


def part_of(limit: int, gateways: int) -> int:
    """Rounded down, because all together must never let through more than the limit."""
    return limit // gateways if gateways > 1 else limit
