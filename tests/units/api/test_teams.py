"""Which team a namespace may charge is said by the platform team, never by whoever makes a namespace."""

from __future__ import annotations

import pytest

from plimsoll.api.teams import Team, teams_of

TEAMS = [
    Team(name="search", namespaces=("search-dev", "shared")),
    Team(name="payments", namespaces=("payments", "shared")),
    Team(name="growth", namespaces=("elsewhere",)),
]


@pytest.mark.parametrize(
    ("namespace", "allowed"),
    [
        ("search-dev", ("search",)),
        ("shared", ("search", "payments")),
        ("payments", ("payments",)),
        ("unlisted", ("unlisted",)),
        ("growth", ()),
    ],
)
def test_a_namespace_charges_the_teams_that_list_it_or_itself_when_nobody_is_called_so(
    namespace: str, allowed: tuple[str, ...]
) -> None:
    assert teams_of(namespace, TEAMS) == allowed


def test_without_any_team_each_namespace_is_its_own() -> None:
    assert teams_of("team-a", []) == ("team-a",)
