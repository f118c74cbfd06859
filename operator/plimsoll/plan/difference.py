"""Whether an object in the cluster is as it is wanted; nothing is written as long as it is."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from plimsoll.api import names
from plimsoll.api.contract import QUANTITY_PATTERN
from plimsoll.api.rules.rule import amount
from plimsoll.plan.observed import Object

# Lists whose entries Kubernetes tells apart by a key: others may add entries of their own, which we cannot take away.
# Every other list is replaced as a whole, and so has to be equal as a whole.
_KEYS = {
    "containers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_KEYS_OF_PORTS = {"containerPort": "containerPort", "targetPort": "port"}  # of a container, and of a Service
# Their values are quantities, which the API server writes in its own way: 1000m comes back as 1.
_AMOUNTS = {"requests", "limits", "sizeLimit"}
# The API server leaves these out when they are false or 0, and means the same.
_OMITTED = {"readOnly", "hostNetwork", "hostPID", "hostIPC", "initialDelaySeconds"}


def with_intent(wanted: Object) -> Object:
    """The object with the hash of itself as an annotation: without it a removed field would go unnoticed."""
    annotations = wanted["metadata"].get("annotations", {})
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    intent = hashlib.sha256(text.encode()).hexdigest()
    metadata = {**wanted["metadata"], "annotations": {**annotations, names.ANNOTATION_INTENT: intent}}
    return {**wanted, "metadata": metadata}


def is_as_wanted(live: Object, wanted: Object) -> bool:
    """Whether every wanted field is there and equal. What others added or the server defaulted is not ours."""
    return _covers(live, wanted, "")


def carries_intent(live: Object, wanted: Object) -> bool:
    """Whether this very intent was written once, so that whatever differs was done by somebody else."""
    mine, theirs = ((each["metadata"].get("annotations") or {}).get(names.ANNOTATION_INTENT) for each in (wanted, live))
    return mine is not None and mine == theirs


def _covers(live: Any, wanted: Any, name: str) -> bool:
    if isinstance(wanted, dict):
        # The fields of resource requests are amounts, whatever their names are.
        inside = name if name in _AMOUNTS else ""
        return isinstance(live, dict) and all(
            _covers(live[key], value, inside or key) if key in live else _means_absence(value, key)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(live, list) and _covers_list(live, list(wanted), name)
    return bool(live == wanted) or (name in _AMOUNTS and _same_amount(live, wanted))


def _covers_list(live: list[Any], wanted: list[Any], name: str) -> bool:
    key = _key_of_ports(wanted) if name == "ports" else _KEYS.get(name)
    if key is None:
        return len(live) == len(wanted) and all(map(_covers, live, wanted, [name] * len(wanted)))
    known = {each[key]: each for each in live if isinstance(each, dict) and key in each}
    return all(each[key] in known and _covers(known[each[key]], each, name) for each in wanted)


def _key_of_ports(wanted: list[Any]) -> str | None:
    return next((key for mark, key in _KEYS_OF_PORTS.items() if wanted and all(mark in each for each in wanted)), None)


def _means_absence(wanted: Any, name: str) -> bool:
    return wanted is None or wanted in ("", [], ()) or (name in _OMITTED and not wanted)


def _same_amount(live: Any, wanted: Any) -> bool:
    both = [str(value) for value in (live, wanted)]
    return all(re.fullmatch(QUANTITY_PATTERN, each) for each in both) and amount(both[0]) == amount(both[1])
