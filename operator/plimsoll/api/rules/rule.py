"""What a rule is, and the values that rules and their twins compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One cross-field rule, for the API server and for us."""

    name: str
    # The part of the object that the rule looks at: "" for all of it, "spec.prompt.roles[]" for each role.
    at: str
    cel: str
    # Says the same in Python. It is only asked about parts that fit the schema.
    holds: Callable[[Any], bool]
    message: str
    # The field to blame, relative to `at`, when it is not the whole part.
    field: str = ""

    @property
    def told(self) -> str:
        """The words of a refusal, the same from the API server and from us."""
        return f"{self.message} [{self.name}]"


def find(node: Any, path: str) -> Any:
    """The value at a dotted path, or None when it or a part above it is absent."""
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    return node


def has(path: str) -> str:
    """CEL for "is there"; CEL's own `has` fails when a part above is absent."""
    return f"self.?{path}.hasValue()" if "." in path else f"has(self.{path})"


def given(paths: Iterable[str]) -> str:
    """CEL for the list of texts at these paths; what is absent is an empty one."""
    return "[" + ", ".join(f"self.?{path}.orValue('')" for path in paths) + "]"


def seconds(duration: str) -> int:
    amounts = re.findall(r"([0-9]+)([hms])", duration)
    return sum(int(amount) * {"h": 3600, "m": 60, "s": 1}[unit] for amount, unit in amounts)


_FACTORS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", 1)},
}


def amount(quantity: int | str) -> Decimal:
    """The number that a quantity such as 500m or 6Gi stands for."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()  # type: ignore[union-attr]
    return Decimal(number) * _FACTORS[unit]
