"""Two specs beside each other, field by field: what means the same is the same, however it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.normal import PLACES, Place, is_unordered, normalised, with_defaults
from plimsoll.api.parts import Schema, child_schema, completed

Spec = Mapping[str, Any]


class Absence(Enum):
    """A field that is not there: something else than 0, "" or false."""

    ABSENT = "absent"


ABSENT = Absence.ABSENT
# Stands behind a list whose entries have keys, and whose order counts all the same.
_ORDER = "[order]"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of either spec. The values are as they were written; `differs` speaks of what they mean."""

    path: str
    before: Any
    after: Any
    differs: bool


def fields(before: Spec, after: Spec) -> tuple[Field, ...]:
    """Every field that either of them has, in the order of the API."""
    old, new = _Side.of(before), _Side.of(after)
    paths = dict.fromkeys([*old.meant, *new.meant])
    found = [field for path in paths if (field := _field(path, old, new)) and not _is_no_news(field, old, new)]
    return tuple(sorted(found, key=lambda field: _place(field.path)))


def _is_no_news(field: Field, old: _Side, new: _Side) -> bool:
    """Of what acts beside revisions most specs say nothing, and then the same holds for both."""
    top = field.path.partition(".")[0]
    return not field.differs and PLACES.get(top) is Place.NOWHERE and top not in old.named | new.named


def differences(before: Spec, after: Spec) -> tuple[Field, ...]:
    return tuple(field for field in fields(before, after) if field.differs)


@dataclass(frozen=True, slots=True)
class _Side:
    meant: dict[str, Any]
    as_written: dict[str, Any]
    # The fields that the spec itself has.
    named: frozenset[str]

    @classmethod
    def of(cls, spec: Spec) -> _Side:
        schema = part_at(structural_schema(), "spec")
        meant, as_written = (dict(_leaves(each, schema)) for each in (normalised(spec), with_defaults(spec)))
        return cls(meant, as_written, frozenset(completed(dict(spec), schema)))

    def written(self, path: str) -> Any:
        """8Gi stays 8Gi for the reader; a default that nobody wrote is only in the normal form."""
        if path not in self.meant:
            return ABSENT
        return self.as_written.get(path, self.meant[path])


def _field(path: str, old: _Side, new: _Side) -> Field | None:
    before, after = old.meant.get(path, ABSENT), new.meant.get(path, ABSENT)
    if path.endswith(_ORDER) and (before == after or ABSENT in (before, after) or set(before) != set(after)):
        # An entry that came or went says so itself.
        return None
    return Field(path, old.written(path), new.written(path), before != after)


def _leaves(node: Any, schema: Schema, here: str = "", name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, child_schema(schema, key) or {}, _below(here, key), key)
    elif isinstance(node, list) and _has_parts(node):
        yield from _entries(node, schema, here, name)
    elif here:
        yield here, node


def _entries(node: list[Any], schema: Schema, here: str, name: str) -> Iterator[tuple[str, Any]]:
    """An entry is found by its key, else by its place; where neither says which is which, the list is one value."""
    (key,) = schema.get("x-kubernetes-list-map-keys") or [None]
    unordered = is_unordered(schema, name)
    if key is None and unordered:
        yield here, node
        return
    marks = [each.get(key) if key else place for place, each in enumerate(node)]
    for mark, each in zip(marks, node, strict=True):
        rest = {field: value for field, value in each.items() if field != key} if key else each
        if rest:
            yield from _leaves(rest, schema.get("items", {}), f"{here}[{mark}]")
        else:
            yield f"{here}[{mark}]", each
    if key and not unordered:
        yield f"{here}{_ORDER}", marks


def _has_parts(node: list[Any]) -> bool:
    return bool(node) and all(isinstance(each, dict) for each in node)


def _below(here: str, key: str) -> str:
    if not key.isidentifier():
        return f"{here}[{key}]"
    return f"{here}.{key}" if here else key


def _place(path: str) -> int:
    """Where the first part of the path stands in the API; fields of the same part keep their order."""
    first = re.split(r"[.\[]", path)[0]
    known = list(part_at(structural_schema(), "spec")["properties"])
    return known.index(first) if first in known else len(known)
