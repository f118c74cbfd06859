"""The verdict on an object without a cluster: the same as the API server's, and in the same words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from plimsoll.api.contract import Contract
from plimsoll.api.crd import structural_schema
from plimsoll.api.kinds import MODEL_CONFIG, Kind
from plimsoll.api.parts import Schema, child_schema, completed, is_opaque, parts_at
from plimsoll.api.rules import Rule

_UNKNOWN = "extra_forbidden"
_NOT_TEXT = "string_type"
# Of a validator of ours, which says what to do.
_OWN_WORDS = "value_error"


@dataclass(frozen=True)
class Problem:
    """One reason why an object is refused. The message says what is wrong, then what to do."""

    field: str
    value: Any
    rule: str
    message: str

    @property
    def fix(self) -> str:
        return self.message.partition(": ")[2]


def validate(document: Mapping[str, Any], kind: Kind = MODEL_CONFIG) -> list[Problem]:
    """Why the API server would refuse this object; nothing when it would take it."""
    schema = structural_schema(kind)
    whole = completed(dict(document), schema)
    problems = [*misfits(whole, schema, kind.model), *_doubles(whole, schema)]
    # A rule reads fields by name and type: as on the server, it is asked only about an object that has them.
    return problems or list(_broken_rules(whole, kind.rules))


def _broken_rules(document: dict[str, Any], rules: Iterable[Rule]) -> Iterator[Problem]:
    for rule in rules:
        for path, part in parts_at(document, rule.at):
            if not rule.holds(part):
                field = f"{path}{rule.field}".removeprefix(".")
                value = part
                for key in rule.field.split(".")[1:]:
                    value = value.get(key) if isinstance(value, dict) else None
                yield Problem(field, value, rule.name, rule.told)


def misfits(document: dict[str, Any], schema: Schema, model: type[Contract]) -> Iterator[Problem]:
    """Where a document is not as its model wants it, each place once."""
    try:
        # As JSON, because that is what the server gets: there are no tuples in it, and 1 is a number too.
        text = json.dumps(document, default=str)
        model.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as errors:
        seen = set()
        for error in errors.errors(include_url=False, include_context=False):
            problem = _misfit(document, schema, error["loc"], error["type"], error["msg"])
            if problem.field not in seen:
                seen.add(problem.field)
                yield problem


def _misfit(node: Any, schema: Schema, location: tuple[int | str, ...], kind: str, said: str) -> Problem:
    path, above = "", schema
    for key in location:
        inside = isinstance(node, list) if isinstance(key, int) else isinstance(node, dict)
        # What remains names the member of a union that was tried, not a place in the object.
        if not inside:
            break
        path += f"[{key}]" if isinstance(key, int) else f".{key}"
        above = schema
        schema = (schema.get("items") if isinstance(key, int) else child_schema(schema, key)) or {}
        node = node[key] if isinstance(key, int) else node.get(key)
    if kind == _OWN_WORDS:
        return Problem(path.removeprefix("."), node, "rule", said.removeprefix("Value error, "))
    fix = _known_fields(location[-1], above) if kind == _UNKNOWN else schema.get("description", "see the reference")
    if kind == _NOT_TEXT and isinstance(node, (bool, int, float)):
        # YAML took it for something else: a commit of digits, a version, `yes`.
        fix = f"put it in quotes. {fix}"
    wrong = "there is no such field" if kind == _UNKNOWN else said[:1].lower() + said[1:]
    return Problem(path.removeprefix("."), node, "schema", f"{wrong}: {fix}")


def _known_fields(name: int | str, schema: Schema) -> str:
    known = sorted(schema.get("properties", {}))
    close = get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it, or use one of {', '.join(known)}"


def _doubles(node: Any, schema: Schema, here: str = "") -> Iterator[Problem]:
    """Entries of a list that have to differ and do not."""
    if is_opaque(schema):
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _doubles(value, child_schema(schema, key) or {}, f"{here}.{key}" if here else key)
    elif isinstance(node, list):
        seen = []
        for index, each in enumerate(node):
            mark = _mark(each, schema)
            if mark is not None and mark in seen:
                yield Problem(f"{here}[{index}]", each, "schema", f"{mark!r} stands here twice: remove or rename one")
            seen.append(mark)
            yield from _doubles(each, schema.get("items", {}), f"{here}[{index}]")


def _mark(entry: Any, schema: Schema) -> Any:
    """What tells an entry of this list from the others; None where nothing has to."""
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        return entry
    if kind == "map" and isinstance(entry, dict):
        return entry.get(schema["x-kubernetes-list-map-keys"][0])
    return None
