"""Teams: who is charged for the calls of a key, and which namespaces may have keys for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from plimsoll.api.access import NAMESPACE_PATTERN, Namespace
from plimsoll.api.call_limits import CallLimits
from plimsoll.api.contract import Contract
from plimsoll.api.parts import parts_at
from plimsoll.api.rules.calls import limit_rules

TeamName = Annotated[str, Field(pattern=NAMESPACE_PATTERN, max_length=63)]


def _keep_the_rules(limits: CallLimits) -> CallLimits:
    """No API server looks at the configuration."""
    whole = {"spec": {"limits": limits.model_dump(by_alias=True, exclude_none=True)}}
    for rule in limit_rules("team"):
        for _, part in parts_at(whole, rule.at):
            if not rule.holds(part):
                raise ValueError(rule.message)
    return limits


class Team(Contract):
    name: TeamName = Field(description="What keys name in spec.team, and what is charged. Example: search.")
    namespaces: tuple[Namespace, ...] = Field(
        description="The namespaces whose keys may charge this team. Example: search-dev.", min_length=1, max_length=100
    )
    limits: Annotated[CallLimits, AfterValidator(_keep_the_rules)] | None = Field(
        default=None, description="What all keys of the team may call together. Without it there is no limit."
    )


def teams_of(namespace: str, teams: Sequence[Team]) -> tuple[str, ...]:
    """Which teams keys of a namespace may charge; the first is the one that a key without a team charges."""
    listed = tuple(team.name for team in teams if namespace in team.namespaces)
    # Whoever may make a namespace could otherwise charge every team by calling it like that.
    return listed or (() if namespace in {team.name for team in teams} else (namespace,))
