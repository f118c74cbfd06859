"""ModelKeys for tests, and the table of what is accepted and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plimsoll.api.names import API_VERSION

Object = dict[str, Any]

HASH, OTHER_HASH = "a" * 64, "b" * 64
SOON = "2027-01-31T12:00:00Z"


@dataclass(frozen=True)
class Case:
    """A document, and the rule and field for which it has to be refused; without a rule it has to be accepted."""

    id: str
    document: Object = field(repr=False)
    breaks: str = ""
    field: str = ""


def model_key(spec: Object, name: str = "app", namespace: str = "default") -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelKey",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hash": HASH, "prefix": "x7Kq2a", **spec},
    }


_ACCEPTED: list[Object] = [
    {},
    {"previous": {"hash": OTHER_HASH, "validUntil": SOON}},
    {"expiresAt": SOON},
    {"expiresAt": "2028-02-29T23:59:59Z"},
    {"team": "search", "suspended": True},
    {"models": ["*", "chat", "chat-*", "team-b/*", "*/chat", "team-*/c*t"]},
    {"limits": {"concurrency": 1_000_000}},
    {"limits": {"requests": 1, "tokens": 2**53, "concurrency": 1, "window": "1s"}},
    {"limits": {"requests": 1, "window": "1h", "whenFull": "Wait", "queue": 1}},
    {"limits": {"tokens": 1, "window": "59m60s", "whenFull": "Wait"}},
]
# What is wrong with it, the rule, and the field to blame.
_REFUSED: list[tuple[Object, str, str]] = [
    ({"hash": "a" * 63}, "schema", "spec.hash"),
    ({"hash": "A" * 64}, "schema", "spec.hash"),
    ({"hash": None}, "schema", "spec.hash"),
    ({"prefix": "short"}, "schema", "spec.prefix"),
    ({"prefix": "x7Kq2a7"}, "schema", "spec.prefix"),
    ({"prefix": "x7-q2a"}, "schema", "spec.prefix"),
    ({"previous": {"hash": OTHER_HASH}}, "schema", "spec.previous.validUntil"),
    ({"previous": {"hash": HASH, "validUntil": SOON}}, "previous-key-differs", "spec.previous.hash"),
    ({"expiresAt": "tomorrow"}, "schema", "spec.expiresAt"),
    ({"expiresAt": "2027-01-31"}, "schema", "spec.expiresAt"),
    ({"expiresAt": "2027-01-31T12:00:00+09:00"}, "schema", "spec.expiresAt"),
    ({"expiresAt": 1801396800}, "schema", "spec.expiresAt"),
    ({"team": "Search"}, "schema", "spec.team"),
    ({"models": []}, "schema", "spec.models"),
    ({"models": [""]}, "schema", "spec.models[0]"),
    ({"models": ["a*b*c"]}, "schema", "spec.models[0]"),
    ({"models": ["a/b/c"]}, "schema", "spec.models[0]"),
    ({"models": ["Chat"]}, "schema", "spec.models[0]"),
    ({"models": ["chat", "chat"]}, "schema", "spec.models[1]"),
    ({"limits": {"requests": 0}}, "schema", "spec.limits.requests"),
    ({"limits": {"tokens": 1.5}}, "schema", "spec.limits.tokens"),
    ({"limits": {"whenFull": "wait"}}, "schema", "spec.limits.whenFull"),
    ({"limits": {"window": "1d"}}, "schema", "spec.limits.window"),
    ({"limits": {"requests": 1, "window": "0s"}}, "key-window-in-range", "spec.limits.window"),
    ({"limits": {"requests": 1, "window": "1h1s"}}, "key-window-in-range", "spec.limits.window"),
    ({"limits": {"requests": 1, "queue": 5}}, "key-queue-needs-wait", "spec.limits.queue"),
    ({"limits": {"tokens": 1, "whenFull": "Refuse", "queue": 5}}, "key-queue-needs-wait", "spec.limits.queue"),
    ({"limits": {}}, "key-limits-limit", "spec.limits"),
    ({"limits": {"window": "1m", "whenFull": "Wait"}}, "key-limits-limit", "spec.limits"),
    ({"suspended": "yes"}, "schema", "spec.suspended"),
    ({"key": "plm_"}, "schema", "spec.key"),
]
_DAY_THAT_IS_NOT = Case("a day that is not", model_key({"expiresAt": "2027-02-30T12:00:00Z"}), "rule", "spec.expiresAt")

CASES = [
    *(Case(f"accepted {number}", model_key(spec)) for number, spec in enumerate(_ACCEPTED)),
    *(
        Case(f"{rule} refused {number}", model_key(spec), rule, place)
        for number, (spec, rule, place) in enumerate(_REFUSED)
    ),
    Case("the longest name", model_key({}, name="a" * 63)),
    Case("a name that is too long", model_key({}, name="a" * 64), "key-name-length", "metadata.name"),
    _DAY_THAT_IS_NOT,
]
