"""Rules for how much may be called: the same for every kind that has limits."""

from __future__ import annotations

from plimsoll.api.call_limits import LONGEST_WINDOW, SHORTEST_WINDOW
from plimsoll.api.rules.rule import Rule, seconds


def limit_rules(of: str) -> tuple[Rule, ...]:
    """For the limits of a kind; `of` tells the names of its rules from those of others."""
    return (
        Rule(
            name=f"{of}-window-in-range",
            at="spec.limits.window",
            cel=f"duration(self) >= duration('{SHORTEST_WINDOW}') && duration(self) <= duration('{LONGEST_WINDOW}')",
            holds=lambda window: seconds(SHORTEST_WINDOW) <= seconds(window) <= seconds(LONGEST_WINDOW),
            message=f"the window is shorter than {SHORTEST_WINDOW} or longer than {LONGEST_WINDOW}: "
            "choose one in between, such as 1m",
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
