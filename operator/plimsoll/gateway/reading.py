"""From the bytes of a body to its fields, within hard bounds, and back with nothing touched but what changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from plimsoll.gateway.errors import ApiError, Code

# In place of a value: the field is taken out.
REMOVED: Final = object()

_LONGEST_NUMBER = 40  # digits in a row; a double needs 17
_LARGE = b"0" * (_LONGEST_NUMBER + 1)
# With every digit as 0: three digits after a positive exponent.
_EXPONENT, _EXPONENT_WITH_SIGN = b"e000", b"e+000"
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw])
# What it finds raw it writes raw.
_written = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may have at most. Together they hold the time that the worst one takes."""

    body: int = 4 << 20  # bytes
    depth: int = 128
    containers: int = 20_000  # objects and lists
    keys: int = 50_000
    strings: int = 100_000  # keys and texts
    values: int = 300_000
    escapes: int = 1_000_000  # backslashes


BOUNDS = Bounds()


class Body(Struct, frozen=True):
    """What came, and its fields. A number beyond 64 bits is not exact in the fields, and so only ever passed on raw."""

    raw: bytes
    fields: Mapping[str, Any]

    def written(self, changes: Mapping[str, Any]) -> bytes:
        """With these fields changed, added or REMOVED, and every other one byte for byte as it came."""
        if all(self._is(name, value) for name, value in changes.items()):
            return self.raw
        fields: dict[str, Any] = _raws.decode(self.raw)
        for name, value in changes.items():
            if value is REMOVED:
                fields.pop(name, None)
            else:
                fields[name] = value
        return _written(fields)

    def _is(self, name: str, value: Any) -> bool:
        if name not in self.fields:
            return value is REMOVED
        found = self.fields[name]
        # 1, 1.0 and true are equal to Python, and not to everybody else.
        return type(found) is type(value) and bool(found == value)


def read(raw: bytes, bounds: Bounds = BOUNDS) -> Body:
    if len(raw) > bounds.body:
        raise ApiError(Code.BODY_TOO_LARGE, most=bounds.body)
    shape = _shape(raw, bounds)
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(Code.INVALID_JSON, why=error) from None
    if not isinstance(fields, dict):
        raise ApiError(Code.INVALID_JSON, why="it is something else")
    if _keys(fields, shape.containers, bounds.depth) < shape.keys:
        raise ApiError(Code.DUPLICATE_KEY)
    return Body(raw, fields)


class _Shape(Struct, frozen=True):
    containers: int
    keys: int


def _shape(raw: bytes, bounds: Bounds) -> _Shape:
    """Counted in what stands outside of strings, before anything is made of it; right for whatever is JSON."""
    # Each look at a long text costs more than everything else here, so none is had twice, or without need.
    if len(raw) > bounds.escapes:
        _at_most(bounds.escapes, "escapes", raw.count(b"\\"))
    if b"\\" in raw and b'\\"' in raw:
        # In pairs from the left, as they escape each other; then every quote that is left begins or ends a string.
        raw = raw.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    pieces = raw.split(b'"', 2 * bounds.strings + 2)
    _at_most(bounds.strings, "texts and keys", (len(pieces) - 1) // 2)
    outside = b" ".join(pieces[::2])
    containers = outside.count(b"{") + outside.count(b"[")
    keys = outside.count(b":")
    _at_most(bounds.containers, "objects and lists", containers)
    _at_most(bounds.keys, "keys", keys)
    _at_most(bounds.values, "values", outside.count(b","))
    numbers = outside.translate(_DIGITS)
    if _LARGE in numbers or _EXPONENT in numbers or _EXPONENT_WITH_SIGN in numbers:
        raise ApiError(Code.NUMBER_TOO_LARGE, digits=_LONGEST_NUMBER)
    return _Shape(containers, keys)


def _at_most(most: int, what: str, found: int) -> None:
    if found > most:
        raise ApiError(Code.TOO_MANY_VALUES, most=most, what=what)


def _keys(fields: dict[str, Any], containers: int, deepest: int) -> int:
    """Keys of all objects, level by level. Of one that came twice one is left, so there are fewer than were sent."""
    keys = depth = 0
    level: list[Any] = [fields]
    while level:
        depth += 1
        if depth > deepest:
            raise ApiError(Code.TOO_DEEP, most=deepest)
        containers -= len(level)
        below: list[Any] = []
        for each in level:
            is_object = type(each) is dict
            keys += len(each) if is_object else 0
            # Long lists of numbers need no look when nothing can be in them any more.
            if containers:
                below += [found for found in (each.values() if is_object else each) if type(found) in _CONTAINERS]
        level = below
    return keys


_CONTAINERS = frozenset((dict, list))
