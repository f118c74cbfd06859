"""O-19: what holds for every status that is ever written, and from one to the next, in each run of an operator."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from plimsoll.api.conditions import ConditionType
from plimsoll.api.reasons import Reason
from plimsoll.api.status import ModelConfigStatus
from tests.support.api_calls import Call
from tests.support.kube import Object

_RESOURCE = "modelconfigs/status"
_REASONS = {each.value for each in Reason}
_TYPES = {each.value for each in ConditionType}
_CAMEL_CASE = re.compile("[A-Z][A-Za-z0-9]*")
# kstatus takes these for granted when they are absent, so they are there only while they hold.
_ONLY_TRUE = ("Reconciling", "Stalled")


class StatusWatch:
    """Hears every accepted write of a status, in order. Written by a proxy's thread, read by the test's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Object] = {}
        self._versions: dict[str, str] = {}
        self.broken: list[str] = []

    def answered(self, call: Call, status: int, content: bytes) -> None:
        if call.writing and call.resource == _RESOURCE and status == 200:
            self.told(json.loads(content))

    def told(self, config: Object) -> None:
        with self._lock:
            uid = config["metadata"]["uid"]
            name, before, now = config["metadata"]["name"], self._last.get(uid, {}), config.get("status", {})
            version = config["metadata"]["resourceVersion"]
            problems = [*in_itself(now, config["metadata"]["generation"]), *since(before, now)]
            if self._versions.get(uid) == version:
                problems.append("it was written although nothing has changed")
            self._last[uid], self._versions[uid] = now, version
            self.broken += [f"{name}: {each}: {json.dumps(now)}" for each in problems]


def in_itself(status: Object, generation: int) -> Iterator[str]:
    """What is wrong with a status whatever was there before."""
    try:
        ModelConfigStatus.model_validate(status)
    except ValidationError as error:
        yield f"it does not keep to the contract: {error}"
    if any(value is None for value in status.values()):
        yield "something is null instead of absent"
    conditions: list[Object] = status.get("conditions", [])
    types = [each["type"] for each in conditions]
    if len(set(types)) != len(types) or not {"Ready", "Available", "Accepted"} <= set(types) <= _TYPES:
        yield f"its conditions are {types}"
    if not 0 < status.get("observedGeneration", 0) <= generation:
        yield f"it speaks of generation {status.get('observedGeneration')}, and there is {generation}"
    for each in conditions:
        yield from _in_a_condition(each, status.get("observedGeneration"))
    yield from _between(by_type(status))


def _in_a_condition(condition: Object, observed: int | None) -> Iterator[str]:
    kind = condition["type"]
    if condition["reason"] not in _REASONS or not _CAMEL_CASE.fullmatch(condition["reason"]):
        yield f"{kind} has the reason {condition['reason']}"
    if condition["observedGeneration"] != observed:
        yield f"{kind} speaks of another generation than the status"
    if not condition.get("message"):
        yield f"{kind} has no words for people"
    if kind in _ONLY_TRUE and condition["status"] != "True":
        yield f"{kind} is {condition['status']} instead of absent"


def _between(conditions: dict[str, Object]) -> Iterator[str]:
    """The Ready table: whoever is ready neither works towards it nor is stuck; whoever is not does one of the two."""
    on_the_way = [kind for kind in _ONLY_TRUE if kind in conditions]
    ready = conditions.get("Ready", {}).get("status")
    if len(on_the_way) != (0 if ready == "True" else 1):
        yield f"Ready is {ready} with {on_the_way}"
    if ready == "True" and conditions["Available"]["status"] != "True":
        yield "it is ready and not available"


def since(before: Object, now: Object) -> Iterator[str]:
    """What is wrong with a status after the one before it."""
    for number in ("observedGeneration", "latestRevision"):
        if before.get(number, 0) > now.get(number, 0):
            yield f"{number} went back from {before.get(number)}"
    known = by_type(before)
    for kind, each in by_type(now).items():
        last = known.get(kind)
        if last is None:
            continue
        moved = _moment(each) - _moment(last)
        if last["status"] == each["status"] and moved:
            yield f"{kind} is {each['status']} as before, and its time has moved"
        if last["status"] != each["status"] and moved.total_seconds() < 0:
            yield f"{kind} changed before it had changed last"


def by_type(status: Object) -> dict[str, Object]:
    return {each["type"]: each for each in status.get("conditions", [])}


def _moment(condition: Object) -> datetime:
    return datetime.fromisoformat(condition["lastTransitionTime"])
