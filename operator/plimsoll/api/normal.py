"""The normal form of a spec, in which what means the same is the same, and the two hashes that are taken from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from plimsoll.api.calls import DEFAULT_FIRST_BYTE, DEFAULT_IDLE, DEFAULT_TOTAL
from plimsoll.api.contract import INT_OR_STRING
from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.modelconfig import DEFAULT_CONTEXT, DEFAULT_PARALLEL
from plimsoll.api.parts import Schema, child_schema, completed, is_opaque
from plimsoll.api.rules.rule import amount, seconds

_TIMEOUTS = {"firstByte": DEFAULT_FIRST_BYTE, "idle": DEFAULT_IDLE, "total": DEFAULT_TOTAL}
# What the API server does not fill in, because a model that runs here has other defaults than one of a provider.
_HOSTED_DEFAULTS: dict[str, Any] = {
    "engine": {},
    "hardware": {},
    "context": DEFAULT_CONTEXT,
    "parallel": DEFAULT_PARALLEL,
    "access": {},
    "calls": {"timeouts": _TIMEOUTS, "onDisconnect": "Cancel"},
}
_EXTERNAL_DEFAULTS: dict[str, Any] = {"access": {}, "calls": {"timeouts": _TIMEOUTS, "onDisconnect": "Drain"}}
# The order of these entries means nothing, although their list is replaced as a whole.
_UNORDERED = {"tolerations", "topologySpreadConstraints"}
# A variable may refer to one before it, so their order counts.
_ORDERED = {"env"}
# Saying nothing about these is different from saying nothing in them.
_EMPTY_COUNTS = {"emptyDir"}
_DURATIONS = {"after", "window", "firstByte", "idle", "total"}


class Place(Enum):
    """What a change of a field leads to."""

    PODS = "a new revision and new pods"
    POLICY = "a new revision, which the running pods serve"
    NOWHERE = "neither a revision nor pods: it acts at once, whatever revision serves"


# By the longest path that a field begins with.
PLACES = {
    "source": Place.PODS,
    "external": Place.POLICY,
    "engine": Place.PODS,
    "hardware.profile": Place.PODS,
    "hardware.count": Place.PODS,
    "hardware.fallback": Place.POLICY,
    "context": Place.PODS,
    "parallel": Place.PODS,
    "resources": Place.PODS,
    "scaling": Place.NOWHERE,
    "generation": Place.POLICY,
    "prompt": Place.POLICY,
    "access": Place.NOWHERE,
    "limits": Place.NOWHERE,
    "calls": Place.NOWHERE,
    "pinRevision": Place.NOWHERE,
    "podTemplate": Place.PODS,
}
# What a user says beside revisions: who may call the model, how much, and how long a call may take.
AT_ONCE = ("access", "limits", "calls")


def normalised(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with every default, one spelling for each value, and sorted where order means nothing."""
    normal: dict[str, Any] = _normal(with_defaults(spec), part_at(structural_schema(), "spec"), "spec")
    return normal


def with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with what is in force where it says nothing; what it says is as it was written."""
    schema = part_at(structural_schema(), "spec")
    given = completed(dict(spec), schema)
    usual = _HOSTED_DEFAULTS if "source" in given else _EXTERNAL_DEFAULTS
    made: dict[str, Any] = completed(_filled(given, usual), schema)
    return made


def _filled(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    inside = {key: _filled(given.get(key, {}), value) for key, value in usual.items() if isinstance(value, dict)}
    return {**usual, **given, **inside}


def behaviour_hash(spec: Mapping[str, Any]) -> str:
    """Of all that can change an answer, its speed class or its price: another hash is another revision."""
    return _hash("behaviour", _chosen(normalised(spec), {Place.PODS, Place.POLICY}))


def workload_hash(spec: Mapping[str, Any], profile: str | None = None) -> str:
    """Of all that changes pods; `profile` is the hardware that they run on, when it is not the declared one."""
    normal = normalised(spec)
    if profile is not None:
        normal["hardware"] = {**normal["hardware"], "profile": profile}
    return _hash("workload", _chosen(normal, {Place.PODS}))


def of_revision(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a spec that a revision stands for; how many pods serve it, for one, is none of its business."""
    return {key: value for key, value in spec.items() if PLACES.get(key) is not Place.NOWHERE}


def place_of(path: str) -> Place:
    """Where a field such as hardware.fallback.to belongs; KeyError when nobody decided."""
    while path not in PLACES:
        shorter = path.rpartition(".")[0]
        if not shorter:
            raise KeyError(f"{path} has no place in PLACES: decide whether it changes pods, the revision or nothing")
        path = shorter
    return PLACES[path]


def _chosen(normal: dict[str, Any], places: set[Place]) -> dict[str, Any]:
    """What these places hold beside defaults, by their path in PLACES."""
    # Without defaults, so that a field that is added to the API one day leaves every existing hash as it is.
    normal = _deviating(normal, part_at(structural_schema(), "spec"))
    chosen = {}
    for path, place in PLACES.items():
        value: Any = normal
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if place in places and value is not None:
            chosen[path] = value
    return chosen


def _deviating(node: Any, schema: Schema) -> Any:
    """The normal form without the fields that have their default."""
    if isinstance(node, list):
        return [_deviating(each, schema.get("items", {})) for each in node]
    if not isinstance(node, dict) or is_opaque(schema):
        return node
    made = {}
    for key, value in node.items():
        field = child_schema(schema, key) or {}
        rest = _deviating(value, field)
        usual = "default" in field and value == _normal(field["default"], field, key)
        if not usual and (rest != {} or key in _EMPTY_COUNTS):
            made[key] = rest
    return made


def _hash(of: str, fields: dict[str, Any]) -> str:
    # What it is a hash of goes in, so that the one is never taken for the other.
    text = json.dumps({of: fields}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _normal(node: Any, schema: Schema, name: str) -> Any:
    if is_opaque(schema):
        return node
    if isinstance(node, dict):
        made = {key: _normal(value, child_schema(schema, key) or {}, key) for key, value in node.items()}
        return {key: value for key, value in made.items() if value not in ({}, []) or key in _EMPTY_COUNTS}
    if isinstance(node, list):
        entries = [_normal(each, schema.get("items", {}), name) for each in node]
        return sorted(entries, key=_sorting) if is_unordered(schema, name) else entries
    if schema.get(INT_OR_STRING):
        return format(amount(node).normalize(), "f")
    if schema.get("type") == "number":
        return float(node)
    return seconds(node) if name in _DURATIONS else node


def is_unordered(schema: Schema, name: str) -> bool:
    """Whether the order of the entries of this list means nothing."""
    if name in _ORDERED:
        return False
    return name in _UNORDERED or schema.get("x-kubernetes-list-type") in ("map", "set")


def _sorting(entry: Any) -> str:
    return json.dumps(entry, sort_keys=True)
