"""Rules for who may call a model, how much, and how long a call may take."""

from __future__ import annotations

from plimsoll.api.call_limits import LONGEST_WINDOW, SHORTEST_WINDOW
from plimsoll.api.calls import LONGEST_TIMEOUT, SHORTEST_TIMEOUT
from plimsoll.api.rules.rule import Rule, seconds

_LIMITED = ("requests", "tokens", "concurrency")


def limit_rules(of: str) -> tuple[Rule, ...]:
    """For the limits of a kind; `of` tells the names of its rules from those of others."""
    return (
        _in_range(f"{of}-window-in-range", "spec.limits.window", "the window", SHORTEST_WINDOW, LONGEST_WINDOW),
        Rule(
            name=f"{of}-limits-limit",
            at="spec.limits",
            cel=" || ".join(f"has(self.{field})" for field in _LIMITED),
            holds=lambda limits: any(field in limits for field in _LIMITED),
            message=f"these limits limit nothing: give one of {', '.join(_LIMITED)}, or remove limits",
        ),
        Rule(
            name=f"{of}-queue-needs-wait",
            at="spec.limits",
            field=".queue",
            cel="!has(self.queue) || self.whenFull == 'Wait'",
            holds=lambda limits: "queue" not in limits or limits["whenFull"] == "Wait",
            message="nobody stands in line where requests are refused: set whenFull to Wait, or remove queue",
        ),
    )


def _in_range(name: str, at: str, what: str, shortest: str, longest: str) -> Rule:
    return Rule(
        name=name,
        at=at,
        cel=f"duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')",
        holds=lambda given: seconds(shortest) <= seconds(given) <= seconds(longest),
        message=f"{what} is shorter than {shortest} or longer than {longest}: choose a time in between, such as 1m",
    )


ACCESS_RULES = (
    Rule(
        name="namespaces-are-selected",
        at="spec.access",
        field=".namespaces",
        cel="!has(self.namespaces) || self.from == 'Selected'",
        holds=lambda access: "namespaces" not in access or access["from"] == "Selected",
        message="only Selected looks at namespaces: set from to Selected, or remove namespaces",
    ),
    Rule(
        name="selected-has-namespaces",
        at="spec.access",
        field=".namespaces",
        cel="self.from != 'Selected' || has(self.namespaces)",
        holds=lambda access: access["from"] != "Selected" or "namespaces" in access,
        message="nothing is selected: list the namespaces whose keys may call the model, or remove from",
    ),
)

CALL_RULES = tuple(
    _in_range(name, f"spec.calls.timeouts.{field}", "this time", SHORTEST_TIMEOUT, LONGEST_TIMEOUT)
    for name, field in (
        ("first-byte-in-range", "firstByte"),
        ("idle-in-range", "idle"),
        ("total-in-range", "total"),
    )
)
