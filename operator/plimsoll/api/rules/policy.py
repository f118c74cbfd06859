"""Rules for spec.generation and spec.prompt: what requests may say and what is put around them."""

from __future__ import annotations

import re
from typing import get_args

from plimsoll.api.generation import PARAMETERS, Parameter, ParameterName
from plimsoll.api.prompt import FRAME_PATTERN, ONE_USER_PATTERN, VARIABLES
from plimsoll.api.rules.rule import Node, Rule, find


def _ordered(low: float | None, high: float | None) -> bool:
    return low is None or high is None or low <= high


def _bounds(parameter: Parameter) -> tuple[str, str]:
    """What stands in CEL for a limit that is absent; whole numbers and others are two types there."""
    kind = int if parameter.whole else float
    return str(kind(parameter.lowest)), str(kind(parameter.highest))


def _min_within_max(parameter: Parameter) -> Rule:
    name, (lowest, highest) = parameter.name, _bounds(parameter)
    low, high = f"min.{name}", f"max.{name}"
    return Rule(
        name=f"{name.lower()}-limits-in-order",
        at="spec.generation.limits",
        field=f".{low}",
        cel=f"self.?{low}.orValue({lowest}) <= self.?{high}.orValue({highest})",
        holds=lambda limits: _ordered(find(limits, low), find(limits, high)),
        message=f"{low} is above {high}: lower min or raise max",
    )


def _default_within_limits(parameter: Parameter) -> Rule:
    name, (lowest, highest) = parameter.name, _bounds(parameter)
    default, low, high = f"defaults.{name}", f"limits.min.{name}", f"limits.max.{name}"

    def holds(generation: Node) -> bool:
        value = find(generation, default)
        return _ordered(find(generation, low), value) and _ordered(value, find(generation, high))

    return Rule(
        name=f"{name.lower()}-default-in-limits",
        at="spec.generation",
        field=f".{default}",
        # A default that is absent is as high as it can be, and as low.
        cel=f"self.?{low}.orValue({lowest}) <= self.?{default}.orValue({highest})"
        f" && self.?{default}.orValue({lowest}) <= self.?{high}.orValue({highest})",
        holds=holds,
        message=f"{default} is outside its limits: change one or the other",
    )


def _locked_have_values(generation: Node) -> bool:
    return all(find(generation, f"defaults.{name}") is not None for name in generation.get("locked", ()))


GENERATION_RULES = (
    *(_min_within_max(parameter) for parameter in PARAMETERS),
    *(_default_within_limits(parameter) for parameter in PARAMETERS),
    Rule(
        name="locked-have-values",
        at="spec.generation",
        field=".locked",
        cel="!has(self.locked) || self.locked.all(name, has(self.defaults) && ("
        + " || ".join(f"name == '{name}' && has(self.defaults.{name})" for name in get_args(ParameterName))
        + "))",
        holds=_locked_have_values,
        message="a locked parameter has no value: give it one in defaults, or take it out of locked",
    ),
)


def _quoted(pattern: str) -> str:
    return "'" + pattern.replace("\\", "\\\\") + "'"


_VARIABLES = " and ".join(f"{{{variable}}}" for variable in VARIABLES)


def _active_role(prompt: Node) -> Node | None:
    return next((role for role in prompt["roles"] if role["name"] == prompt["active"]), None)


PROMPT_RULES = (
    Rule(
        name="active-role-exists",
        at="spec.prompt",
        field=".active",
        cel="self.roles.exists(role, role.name == self.active)",
        holds=lambda prompt: _active_role(prompt) is not None,
        message="active names no role of this prompt: use the name of one in roles, or add the role",
    ),
    Rule(
        name="locked-system-exists",
        at="spec.prompt",
        field=".lockSystem",
        cel="!self.lockSystem || !self.roles.exists(role, role.name == self.active && !has(role.system))",
        holds=lambda prompt: not prompt["lockSystem"] or "system" in (_active_role(prompt) or {"system": ""}),
        message="the active role has no system text to lock: give it one, or remove lockSystem",
    ),
    Rule(
        name="frame-variables-known",
        at="spec.prompt.roles[].frame",
        cel=f"self.matches({_quoted(FRAME_PATTERN)})",
        holds=lambda frame: re.search(FRAME_PATTERN, frame) is not None,
        message=f"the frame uses a variable that does not exist: use only {_VARIABLES}, "
        "and write {{ and }} for braces",
    ),
    Rule(
        name="frame-has-user",
        at="spec.prompt.roles[].frame",
        cel=f"!self.matches({_quoted(FRAME_PATTERN)}) || self.matches({_quoted(ONE_USER_PATTERN)})",
        holds=lambda frame: not re.search(FRAME_PATTERN, frame) or re.search(ONE_USER_PATTERN, frame) is not None,
        message="the frame has to hold the user's message exactly once: write {user} where it belongs",
    ),
    Rule(
        name="frame-system-exists",
        at="spec.prompt.roles[]",
        field=".frame",
        cel="!has(self.frame) || has(self.system) || !self.frame.matches('(^|[^{])([{][{])*[{]system[}]')",
        holds=lambda role: (
            "frame" not in role or "system" in role or not re.search("(^|[^{])([{][{])*[{]system[}]", role["frame"])
        ),
        message="the frame uses {system}, but the role has no system text: add system, or take {system} out",
    ),
)
