"""Everything in a namespace as one value, without what differs by nature, so that two worlds can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.kube import Kube

Object = dict[str, Any]

# Everything that two equal worlds may differ in stands in these four tables, with its reason. A path that is not here
# is compared. `*` stands for every key or place.

IGNORED_KINDS: Mapping[str, str] = {
    "Event": "tells of the way, not of the end",
    "Lease": "renewed all the time",
    "EndpointSlice": "follows from the pods and their addresses, and is named by chance",
    "Endpoints": "follows from the pods and their addresses",
    "PodMetrics": "measured",
}

IGNORED_PATHS: Mapping[str, str] = {
    "metadata.uid": "drawn by chance",
    "metadata.resourceVersion": "counts the writes of the whole cluster",
    "metadata.creationTimestamp": "a time",
    "metadata.managedFields.*.time": "a time",
    "metadata.managedFields.*.fieldsV1.f:status.f:podIPs": "has addresses in its keys",
    "metadata.managedFields.*.fieldsV1.f:status.f:hostIPs": "has addresses in its keys",
    "metadata.annotations.plimsoll.dev/intent": "a hash over the uid of the owner, among others",
    "spec.clusterIP": "handed out by the server",
    "spec.clusterIPs": "handed out by the server",
    "spec.nodeName": "the scheduler's choice",
    "status.hostIP": "follows from the node",
    "status.hostIPs": "follows from the node",
    "status.podIP": "handed out by the node",
    "status.podIPs": "handed out by the node",
    "status.containerStatuses.*.containerID": "drawn by chance",
    "status.initContainerStatuses.*.containerID": "drawn by chance",
}

# Wherever they stand: in values, in keys of managedFields, inside messages.
PATTERNS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>", "the uid of another object, drawn by chance"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<time>", "a time"),
)

# The order of these lists says nothing, and it depends on who wrote first.
UNORDERED: Mapping[str, str] = {
    "metadata.managedFields": "in the order of the last writes",
    "metadata.ownerReferences": "a set",
    "status.conditions": "keyed by type",
}


@dataclass(frozen=True)
class World:
    """By kind and name, in normal form; pods of one Deployment have one name and are told apart by content only."""

    things: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def differences(self, other: World) -> list[str]:
        """In words: `-` only here, `+` only there, `~` both and not equal. Empty: the worlds are the same."""
        return list(_compared(self.things, other.things))


def look(kube: Kube, namespace: str) -> World:
    """Everything in the namespace that can be listed."""
    found = [each for kind in kube.kinds_in_namespaces() for each in kube.list(*kind, namespace=namespace)]
    return world_of(found, namespace)


def world_of(found: Sequence[Object], namespace: str) -> World:
    things: dict[str, list[Any]] = {}
    for each in found:
        if each["kind"] not in IGNORED_KINDS:
            normal = normal_form(each, namespace)
            things.setdefault(f"{each['kind']} {normal['metadata']['name']}", []).append(normal)
    return World({name: sorted(same, key=_as_text) for name, same in things.items()})


def normal_form(found: Object, namespace: str) -> Object:
    """Two worlds live in two namespaces: the name of its own namespace becomes a word."""
    metadata = dict(found["metadata"])
    if prefix := metadata.get("generateName"):
        # What the server has appended is drawn by chance.
        metadata["name"] = f"{prefix}*"
    normal: Object = _normal({**found, "metadata": metadata}, (), namespace)
    return normal


def _normal(value: Any, path: tuple[str, ...], namespace: str) -> Any:
    if isinstance(value, dict):
        return {
            _text(key, namespace): _normal(below, (*path, key), namespace)
            for key, below in value.items()
            if not _matches((*path, key), IGNORED_PATHS)
        }
    if isinstance(value, list):
        made = [_normal(below, (*path, "*"), namespace) for below in value]
        return sorted(made, key=_as_text) if _matches(path, UNORDERED) else made
    return _text(value, namespace) if isinstance(value, str) else value


def _matches(path: tuple[str, ...], table: Mapping[str, str]) -> bool:
    return ".".join(path) in table


def _text(text: str, namespace: str) -> str:
    for pattern, word, _ in PATTERNS:
        text = pattern.sub(word, text)
    return re.sub(rf"(?<![a-z0-9-]){re.escape(namespace)}(?![a-z0-9-])", "<namespace>", text)


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _compared(left: Mapping[str, Sequence[Any]], right: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for name in sorted({*left, *right}):
        here, there = left.get(name, ()), right.get(name, ())
        yield from (f"- {name}" for _ in here[len(there) :])
        yield from (f"+ {name}" for _ in there[len(here) :])
        for one, other in zip(here, there, strict=False):
            yield from _within(one, other, name)


def _within(here: Any, there: Any, path: str) -> Iterator[str]:
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted({*here, *there}):
            if key not in there:
                yield f"- {path}: {key}: {_as_text(here[key])}"
            elif key not in here:
                yield f"+ {path}: {key}: {_as_text(there[key])}"
            else:
                yield from _within(here[key], there[key], f"{path}.{key}" if "." in path else f"{path} .{key}")
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from _within(one, other, f"{path}[{number}]")
    elif here != there or type(here) is not type(there):
        yield f"~ {path}: {_as_text(here)} became {_as_text(there)}"
