"""A hash belongs to one key: whoever can read the object of another team can neither use its key nor stop it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api.modelkey import ModelKeySpec
from plimsoll.api.teams import Team
from plimsoll.routing.claims import Claims, HashTaken, KeyFacts, TeamNotAllowed, settle
from plimsoll.routing.document import Key
from plimsoll.routing.limits import Limits

ONE, TWO, THREE = ("a" * 64, "b" * 64, "c" * 64)
EARLY, LATE = "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"


def facts(full_name: str, digest: str = ONE, created: str = EARLY, held: tuple[str, ...] = (), **spec: Any) -> KeyFacts:
    namespace, name = full_name.split("/")
    return KeyFacts(
        namespace=namespace,
        name=name,
        spec=ModelKeySpec.model_validate({"hash": digest, "prefix": "abc123", **spec}),
        created=created,
        held=frozenset(held),
    )


def opened(claims: Claims) -> dict[str, str]:
    return {digest: key.full_name for digest, key in claims.opened.items()}


def only(claims: Claims) -> Key:
    (key,) = claims.opened.values()
    return key


def test_a_key_that_says_nothing_charges_its_namespace_for_every_model_without_limit_or_end() -> None:
    assert only(settle([facts("team-a/app")], [])) == Key(
        name="app", namespace="team-a", team="team-a", models=("*/*",)
    )


def test_all_that_a_key_says_is_resolved() -> None:
    key = only(
        settle(
            [
                facts(
                    "team-a/app",
                    models=["chat", "team-b/*", "*"],
                    limits={"requests": 3, "whenFull": "Wait", "window": "30s"},
                    expiresAt="2027-01-31T12:00:00Z",
                    suspended=True,
                )
            ],
            [],
        )
    )
    assert key.models == ("team-a/*", "team-a/chat", "team-b/*")
    assert key.limits == Limits(requests=3, window_seconds=30.0, when_full="wait", queue=100)
    assert (key.expires_at, key.suspended, key.valid_until) == (1_801_396_800, True, None)


TEAMS = [
    Team(name="search", namespaces=("search-dev", "shared")),
    Team(name="payments", namespaces=("shared", "pay")),
]


@pytest.mark.parametrize(
    ("namespace", "team", "charged"),
    [
        ("search-dev", None, "search"),
        ("search-dev", "search", "search"),
        ("shared", None, "search"),
        ("shared", "payments", "payments"),
        ("elsewhere", None, "elsewhere"),
        ("elsewhere", "elsewhere", "elsewhere"),
    ],
)
def test_a_key_charges_a_team_that_its_namespace_may_charge(namespace: str, team: str | None, charged: str) -> None:
    assert only(settle([facts(f"{namespace}/app", team=team)], TEAMS)).team == charged


@pytest.mark.parametrize(
    ("namespace", "team", "refusal"),
    [
        ("search-dev", "payments", TeamNotAllowed("payments", ("search",))),
        ("search-dev", "search-dev", TeamNotAllowed("search-dev", ("search",))),
        ("elsewhere", "search", TeamNotAllowed("search", ("elsewhere",))),
        # Whoever may make namespaces makes one that is called like a team.
        ("payments", None, TeamNotAllowed(None, ())),
        ("payments", "payments", TeamNotAllowed("payments", ())),
    ],
)
def test_a_key_that_claims_another_team_opens_nothing(
    namespace: str, team: str | None, refusal: TeamNotAllowed
) -> None:
    claims = settle([facts(f"{namespace}/app", team=team)], TEAMS)
    assert (claims.opened, claims.refused) == ({}, {f"{namespace}/app": refusal})


def test_while_a_key_is_rotated_both_hashes_open_the_same_and_the_old_one_has_an_end() -> None:
    previous = {"hash": TWO, "validUntil": "2027-01-31T12:00:00Z"}
    claims = settle([facts("team-a/app", previous=previous)], [])
    assert claims.opened[ONE].valid_until is None
    assert claims.opened[TWO].valid_until == 1_801_396_800
    assert claims.opened[ONE].full_name == claims.opened[TWO].full_name


def test_of_two_new_keys_with_one_hash_the_older_object_opens_it() -> None:
    claims = settle([facts("team-b/copy", created=LATE), facts("team-a/app", created=EARLY)], [])
    assert opened(claims) == {ONE: "team-a/app"}
    assert claims.refused == {"team-b/copy": HashTaken("team-a/app")}


def test_who_opened_a_hash_before_keeps_it_from_an_older_object_that_was_edited_to_have_it() -> None:
    claims = settle([facts("team-a/app", created=LATE, held=(ONE,)), facts("team-b/thief", created=EARLY)], [])
    assert opened(claims) == {ONE: "team-a/app"}


def test_a_hash_that_is_being_replaced_is_kept_from_others_too() -> None:
    previous = {"hash": TWO, "validUntil": "2027-01-31T12:00:00Z"}
    rotated = facts("team-a/app", created=LATE, held=(TWO,), previous=previous)
    claims = settle([rotated, facts("team-b/thief", TWO, created=EARLY)], [])
    assert opened(claims) == {ONE: "team-a/app", TWO: "team-a/app"}
    assert claims.refused == {"team-b/thief": HashTaken("team-a/app")}


def test_who_names_the_hash_of_another_as_its_previous_one_opens_only_its_own() -> None:
    previous = {"hash": TWO, "validUntil": "2027-01-31T12:00:00Z"}
    claims = settle([facts("team-a/app", TWO), facts("team-b/thief", created=LATE, previous=previous)], [])
    assert opened(claims) == {ONE: "team-b/thief", TWO: "team-a/app"}
    assert claims.refused == {}


def test_a_key_that_may_charge_nobody_takes_no_hash_from_others() -> None:
    thief = facts("team-b/thief", held=(ONE,), team="payments")
    claims = settle([thief, facts("team-a/app", created=LATE)], TEAMS)
    assert opened(claims) == {ONE: "team-a/app"}


_FACTS = st.builds(
    lambda space, name, digest, created, held: facts(f"{space}/{name}", digest, created, held),
    st.sampled_from(["team-a", "team-b", "payments"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from([ONE, TWO, THREE]),
    st.sampled_from([EARLY, LATE]),
    st.lists(st.sampled_from([ONE, TWO]), max_size=2).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(_FACTS, max_size=4, unique_by=lambda each: each.full_name), st.randoms(use_true_random=False))
def test_the_order_in_which_keys_come_decides_nothing_and_each_is_opened_or_refused(
    keys: list[KeyFacts], chance: Any
) -> None:
    claims = settle(keys, TEAMS)
    chance.shuffle(keys)
    again = settle(keys, TEAMS)
    assert (again.opened, again.refused) == (claims.opened, claims.refused)
    assert {key.full_name for key in claims.opened.values()} | set(claims.refused) == {key.full_name for key in keys}
    assert not {key.full_name for key in claims.opened.values()} & set(claims.refused)
