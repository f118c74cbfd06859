"""Defaults, limits and locks of generation, in the words of whichever backend serves the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from plimsoll.cost.record import Operation
from plimsoll.gateway.backends.dialect import Dialect
from plimsoll.gateway.errors import ApiError, Code, bad_field
from plimsoll.gateway.fields import check_spelling
from plimsoll.gateway.policy.parameters import EVERY_NAME, NAMES, PARAMETERS, usual, value_of, within
from plimsoll.gateway.policy.report import Capped, Report
from plimsoll.gateway.reading import REMOVED
from plimsoll.gateway.request import Request
from plimsoll.routing.policy import Generation, Value


def generation(request: Request, policy: Generation, dialect: Dialect) -> tuple[dict[str, Any], Report]:
    """What changes in the body, and what the client has to be told."""
    if request.operation == "embedding":
        return {}, Report()
    check_spelling(request.fields, EVERY_NAME)
    governed = _Governed(request.fields, policy, dialect, request.operation)
    concerned = {PARAMETERS[field] for field in request.fields.keys() & EVERY_NAME}
    concerned.update(policy.defaults, policy.minimum, policy.maximum)
    for name in NAMES:
        if name in concerned:
            governed.decide(name)
    return governed.changes, Report(tuple(governed.capped), tuple(governed.unsupported))


class _Governed(Struct):
    fields: Mapping[str, Any]
    policy: Generation
    dialect: Dialect
    operation: Operation
    changes: dict[str, Any] = {}
    capped: list[Capped] = []
    unsupported: list[str] = []

    def decide(self, name: str) -> None:
        sent = [each for each in NAMES[name] if self.fields.get(each) is not None]
        if sent and name in self.policy.locked:
            raise ApiError(Code.LOCKED_PARAMETER, param=sent[0], field=sent[0])
        words = self.dialect.words(self.operation, name)
        if sent:
            self._decide_asked(name, sent, words)
        elif (value := self._unasked(name)) is None:
            return
        elif words:
            self.changes[words[0]] = value
        else:
            self.unsupported.append(NAMES[name][0])

    def _decide_asked(self, name: str, sent: list[str], words: tuple[str, ...]) -> None:
        asked = self._asked(name, sent)
        value = self._within(name, asked)
        if not words:
            self.unsupported.append(sent[0])
            self.changes |= dict.fromkeys(sent, REMOVED)
            return
        kept = next((each for each in sent if each in words), words[0])
        for each in sent:
            if each != kept:
                self.changes[each] = REMOVED
        # What is allowed as it is goes on as it was written.
        if value != asked or kept not in sent:
            self.changes[kept] = value
        if value != asked:
            self.capped.append(Capped(sent[0], value, asked))

    def _asked(self, name: str, sent: list[str]) -> Value:
        values = [value_of(name, each, self.fields[each]) for each in sent]
        for each in values[1:]:
            if each != values[0]:
                raise bad_field(sent[1], f"has another value than {sent[0]}, and both mean the same: send one of them")
        return values[0]

    def _unasked(self, name: str) -> Value | None:
        if (default := self.policy.defaults.get(name)) is not None:
            return default
        ordinary = usual(name, self.operation)
        if ordinary is None:
            # As much as there is, so the most that is allowed.
            return self.policy.maximum.get(name)
        if name not in self.policy.minimum and name not in self.policy.maximum:
            return None
        allowed = self._within(name, ordinary)
        return None if allowed == ordinary and not self.dialect.own_defaults else allowed

    def _within(self, name: str, value: Value) -> Value:
        return within(name, value, self.policy.minimum.get(name), self.policy.maximum.get(name))
