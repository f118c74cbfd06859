"""Looking at single fields of a request."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from plimsoll.gateway.errors import bad_field

_SHOWN = 60


def flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_field(name, f"must be true or false, not {kind_of(value)}")
    return bool(value)


def check_spelling(fields: Mapping[str, Any], names: AbstractSet[str]) -> None:
    """Some servers read `Model` as `model`: what is decided here must not come a second time in such a disguise."""
    for field in fields:
        if field not in names and (meant := field.casefold()) in names:
            raise bad_field(field, f"must be written {meant}")


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def shown(value: Any) -> str:
    if not isinstance(value, str):
        return kind_of(value)
    return f'"{value}"' if len(value) <= _SHOWN else f'"{value[: _SHOWN - 1]}…"'
