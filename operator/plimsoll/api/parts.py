"""Walking an object beside its structural schema: as the API server completes it, and part by part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def is_opaque(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def child_schema(schema: Schema, key: str) -> Schema | None:
    """What the schema says about one field of an object, or about one entry of a map."""
    found = schema.get("properties", {}).get(key)
    return found if found is not None else schema.get("additionalProperties")


def completed(node: Any, schema: Schema) -> Any:
    """As the API server stores it: a field that is null is absent, and an absent field has its default."""
    if isinstance(node, list) and "items" in schema:
        return [completed(each, schema["items"]) for each in node]
    if not isinstance(node, dict) or is_opaque(schema):
        return node
    made = {key: value for key, value in node.items() if value is not None or child_schema(schema, key) is None}
    for key, field in schema.get("properties", {}).items():
        if key not in made and "default" in field:
            made[key] = field["default"]
    return {key: completed(value, child_schema(schema, key) or {}) for key, value in made.items()}


def parts_at(node: Any, path: str, here: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of an object that a path such as spec.prompt.roles[].frame means, with where it stands."""
    if not path:
        yield here, node
        return
    first, _, rest = path.partition(".")
    key = first.removesuffix("[]")
    if not isinstance(node, dict) or key not in node:
        return
    below = f"{here}.{key}" if here else key
    if first == key:
        yield from parts_at(node[key], rest, below)
    else:
        for index, each in enumerate(node[key]):
            yield from parts_at(each, rest, f"{below}[{index}]")


def leaves(schema: Schema, here: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a schema that has no fields of its own; maps and lists of plain values are one leaf."""
    if "properties" in schema:
        for key, field in schema["properties"].items():
            yield from leaves(field, f"{here}.{key}" if here else key)
    elif "properties" in schema.get("items", {}):
        yield from leaves(schema["items"], f"{here}[]")
    else:
        yield here, schema
