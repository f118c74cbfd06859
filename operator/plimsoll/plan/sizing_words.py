"""Sizes in words: bytes are numbers everywhere else, and become GiB or MiB only for people."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def in_bytes(size: int) -> str:
    """One size by itself: 4.1 GiB, 48 MiB."""
    name, unit = _unit(size)
    return f"{size} B" if unit == 1 else f"{f'{size / unit:.1f}'.removesuffix('.0')} {name}"


def comparison(parts: Sequence[tuple[str, int]], limit: int) -> str:
    """weights 4.1 + KV 2.0 + … = 7.3 GiB > limit 6.0 GiB, with as many digits as it takes to see the difference."""
    total = sum(size for _, size in parts)
    name, unit = _unit(max(total, limit))
    digits = next((count for count in range(1, 9) if f"{total / unit:.{count}f}" != f"{limit / unit:.{count}f}"), 9)
    told = " + ".join(f"{part} {size / unit:.{digits}f}" for part, size in parts if size)
    relation = ">" if total > limit else "≤"
    return f"{told} = {total / unit:.{digits}f} {name} {relation} limit {limit / unit:.{digits}f} {name}"


def _unit(size: int) -> tuple[str, int]:
    return next(((name, unit) for name, unit in _UNITS if size >= unit), ("B", 1))
