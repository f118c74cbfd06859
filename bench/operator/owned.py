"""The part of an object that one field manager wrote: what has to be applied to write the same again."""

import json
from typing import Any

Object = dict[str, Any]


def owned(found: Object, manager: str, subresource: str = "") -> Object | None:
    """As it was applied, with its name and without what the API server added; None when it wrote nothing."""
    for entry in found["metadata"].get("managedFields", []):
        if entry["manager"] == manager and entry.get("subresource", "") == subresource:
            part: Object = _kept(found, entry["fieldsV1"])
            identity = {name: found["metadata"][name] for name in ("name", "namespace")}
            part["metadata"] = {**part.get("metadata", {}), **identity}
            return {"apiVersion": found["apiVersion"], "kind": found["kind"], **part}
    return None


def _kept(value: Any, fields: Object) -> Any:
    """A leaf has no fields below it, and is kept whole."""
    below = {name: each for name, each in fields.items() if name != "."}
    if not below:
        return value
    if isinstance(value, dict):
        return {name[2:]: _kept(value[name[2:]], each) for name, each in below.items() if name[2:] in value}
    return [kept for item in value for kept in _kept_items(item, below)]


def _kept_items(item: Any, fields: Object) -> list[Any]:
    for name, each in fields.items():
        kind, _, told = name.partition(":")
        wanted = json.loads(told)
        if kind == "k" and all(item.get(key) == value for key, value in wanted.items()):
            return [_kept(item, each)]
        if kind == "v" and item == wanted:
            return [item]
    return []
