"""Rules for a ModelKey."""

from __future__ import annotations

from plimsoll.api.rules.calls import limit_rules
from plimsoll.api.rules.rule import Rule, find

_LONGEST_NAME = 63

KEY_RULES = (
    Rule(
        name="key-name-length",
        at="",
        field=".metadata.name",
        cel=f"!has(self.metadata.name) || self.metadata.name.size() <= {_LONGEST_NAME}",
        holds=lambda document: len(find(document, "metadata.name") or "") <= _LONGEST_NAME,
        message=f"the name is longer than {_LONGEST_NAME} characters and stands in every record: shorten the name",
    ),
    Rule(
        name="previous-key-differs",
        at="spec",
        field=".previous.hash",
        cel="!has(self.previous) || self.previous.hash != self.hash",
        holds=lambda spec: find(spec, "previous.hash") != spec["hash"],
        message="the key and the one before it are the same: "
        "make a new key with `plimsoll key rotate`, or remove previous",
    ),
    *limit_rules("key"),
)
