"""A ModelKey says whether it opens something, for whom, and if not why, in words with what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plimsoll.api.modelkey import ModelKeySpec, ModelKeyStatus
from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from plimsoll.plan.key_status import Outcome, expires_in, finding_of, report_key, without_nothing
from plimsoll.plan.observed import Object
from plimsoll.routing.claims import HashTaken, TeamNotAllowed
from tests.support.model_keys import HASH

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPENS = Outcome("team-a", (HASH,))
TAKEN = Outcome(obstacle=finding_of(HashTaken("team-b/app"), "team-a"))


def spec(**fields: Any) -> ModelKeySpec:
    return ModelKeySpec.model_validate({"hash": HASH, "prefix": "x7Kq2a", **fields})


def key(status: Object | None = None, generation: int = 1) -> Object:
    return {"metadata": {"name": "app", "namespace": "team-a", "generation": generation}, "status": status or {}}


def said(status: Object) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def words(status: Object, kind: str = "Ready") -> str:
    return next(str(each["message"]) for each in status["conditions"] if each["type"] == kind)


def test_a_key_that_opens_says_for_whom_and_which_hashes_it_holds() -> None:
    status = report_key(key(generation=3), spec(), OPENS, NOW)
    ModelKeyStatus.model_validate(status)
    assert (status["team"], status["hashes"], status["observedGeneration"]) == ("team-a", [HASH], 3)
    assert said(status) == {"Accepted": ("True", "Accepted"), "Ready": ("True", "Open")}
    assert {each["observedGeneration"] for each in status["conditions"]} == {3}
    assert "team-a" in words(status, "Accepted")


def test_the_same_is_said_with_the_same_status_later() -> None:
    first = report_key(key(), spec(), OPENS, NOW)
    assert report_key(key(first), spec(), OPENS, NOW + timedelta(days=1)) == first


def test_a_condition_moves_only_when_it_says_something_else() -> None:
    first = report_key(key(), spec(), OPENS, NOW)
    later = report_key(key(first, generation=2), spec(suspended=True), OPENS, NOW + timedelta(days=1))
    moved = {each["type"]: each["lastTransitionTime"][:10] for each in later["conditions"]}
    assert moved == {"Accepted": "2026-11-21", "Ready": "2026-11-22", "Stalled": "2026-11-22"}


def test_whose_hash_is_taken_holds_nothing_and_says_who_has_it() -> None:
    first = report_key(key(), spec(), OPENS, NOW)
    status = report_key(key(first), spec(), TAKEN, NOW)
    assert "team" not in status
    assert "hashes" not in status
    stopped = ("False", "HashTaken")
    assert said(status) == {"Accepted": stopped, "Ready": stopped, "Stalled": ("True", "HashTaken")}
    assert "team-b/app" in words(status)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (TeamNotAllowed("search", ("ads", "maps")), "may charge ads, maps, and this one names search"),
        (TeamNotAllowed(None, ()), "a team is called team-a"),
    ],
)
def test_whoever_names_a_foreign_team_is_told_which_it_may_name(refusal: TeamNotAllowed, told: str) -> None:
    found = finding_of(refusal, "team-a")
    assert found.reason is Reason.TEAM_NOT_ALLOWED
    assert told in found.message


def test_a_spec_that_cannot_be_read_is_told() -> None:
    outcome = Outcome(obstacle=Finding(Reason.INVALID_SPEC, "spec.hash: too short"))
    status = report_key(key(), None, outcome, NOW)
    assert said(status)["Accepted"] == ("False", "InvalidSpec")
    assert "spec.hash: too short" in words(status, "Accepted")


def test_a_suspended_key_is_accepted_and_not_ready() -> None:
    status = report_key(key(), spec(suspended=True), OPENS, NOW)
    assert said(status) == {
        "Accepted": ("True", "Accepted"),
        "Ready": ("False", "Suspended"),
        "Stalled": ("True", "Suspended"),
    }
    assert status["hashes"] == [HASH]


def test_a_key_expires_at_its_very_second() -> None:
    ends = spec(expiresAt="2026-11-21T12:00:00Z")
    before = report_key(key(), ends, OPENS, NOW - timedelta(seconds=1))
    after = report_key(key(), ends, OPENS, NOW)
    assert said(before)["Ready"] == ("True", "Open")
    assert "until 2026-11-21T12:00:00Z" in words(before)
    assert said(after)["Ready"] == ("False", "Expired")
    assert "2026-11-21T12:00:00Z" in words(after)


def test_a_key_is_looked_at_again_when_it_expires_and_never_after() -> None:
    ends = spec(expiresAt="2026-11-21T12:00:00Z")
    assert expires_in(ends, NOW - timedelta(hours=2)) == timedelta(hours=2)
    assert expires_in(ends, NOW) is None
    assert expires_in(spec(), NOW) is None
    assert expires_in(None, NOW) is None


def test_an_empty_list_is_the_same_as_none() -> None:
    assert without_nothing({"hashes": [], "observedGeneration": 0}) == {"observedGeneration": 0}
