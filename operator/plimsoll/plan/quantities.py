"""Quantities of Kubernetes as whole numbers, and back in the largest unit that keeps them exact."""

from __future__ import annotations

from decimal import ROUND_CEILING

from plimsoll.api.rules.rule import amount

_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def bytes_of(quantity: int | str) -> int:
    return int(amount(quantity).to_integral_value(ROUND_CEILING))


def millis_of(quantity: int | str) -> int:
    """Thousandths of a CPU."""
    return int((amount(quantity) * 1000).to_integral_value(ROUND_CEILING))


def memory(size: int) -> str:
    name, unit = next(((name, unit) for name, unit in _UNITS if size % unit == 0), ("", 1))
    return f"{size // unit}{name}"


def cpu(millis: int) -> str:
    return f"{millis}m" if millis % 1000 else str(millis // 1000)
