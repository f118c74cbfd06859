"""Settled one after another, keys open what they would open if all were settled at once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.api.teams import Team
from plimsoll.cluster.kinds import Object
from plimsoll.controller.key_store import KeyStore
from plimsoll.plan.observed import Key
from plimsoll.routing.claims import KeyFacts, settle
from tests.support.model_keys import HASH, OTHER_HASH, SOON, model_key

APP, OTHER = Key("team-a", "app"), Key("team-b", "app")
HASHES = [letter * 64 for letter in "abcd"]


class Told:
    """What an API server would tell, with versions that grow."""

    def __init__(self) -> None:
        self.store = KeyStore()
        self.teams: tuple[Team, ...] = ()
        self._version = 0

    def put(self, key: Key, /, status: Object | None = None, **spec: Any) -> Object:
        self._version += 1
        made = model_key(spec, key.name, key.namespace)
        made["metadata"] |= {
            "uid": f"uid-{key}",
            "resourceVersion": str(self._version),
            "generation": self._version,
            "creationTimestamp": f"2026-11-21T00:00:{self._version % 60:02}Z",
        }
        made["status"] = status or {}
        self.store.put(made)
        return made

    def settle(self, most: int = 100) -> set[Key]:
        concerned: set[Key] = set()
        while not self.store.is_settled:
            concerned |= self.store.settle(self.teams, most)
        return concerned

    def opened(self) -> dict[str, str]:
        return {digest: opening.full_name for digest, opening in self.store.claims.opened.items()}


def test_a_key_opens_its_hash_at_once() -> None:
    told = Told()
    told.put(APP)
    assert told.settle() == {APP}
    assert told.opened() == {HASH: "team-a/app"}
    assert (told.store.outcome(APP).team, told.store.outcome(APP).hashes) == ("team-a", (HASH,))


def test_a_key_that_is_gone_opens_nothing_and_its_hash_is_free() -> None:
    told = Told()
    told.put(APP)
    told.put(OTHER)
    told.settle()
    assert told.store.refused == 1
    assert told.store.outcome(OTHER).obstacle is not None
    assert told.store.remove(APP)
    assert told.settle() == {APP, OTHER}
    assert told.opened() == {HASH: "team-b/app"}
    assert told.store.refused == 0


def test_whoever_opened_a_hash_a_moment_ago_keeps_it_although_no_status_says_so_yet() -> None:
    told = Told()
    told.put(OTHER, hash=OTHER_HASH)
    told.put(APP)
    told.settle()
    # The older object, but not the one that opened it.
    later = told.put(OTHER)
    later["metadata"] |= {"resourceVersion": "50", "creationTimestamp": "2026-11-20T00:00:00Z"}
    told.store.put({**later, "status": {"observedGeneration": 1}})
    told.settle()
    assert told.opened() == {HASH: "team-a/app"}


def test_whoever_is_refused_lets_go_of_what_it_held() -> None:
    told = Told()
    waits, between = Key("team-c", "app"), Key("team-b", "app")
    told.put(APP, hash=OTHER_HASH)
    told.put(between)
    told.put(waits, hash=HASHES[2])
    told.settle()
    told.put(waits)
    told.settle()
    assert told.opened() == {OTHER_HASH: "team-a/app", HASH: "team-b/app"}
    told.put(between, hash=OTHER_HASH, previous={"hash": HASH, "validUntil": SOON})
    told.settle()
    assert told.opened() == {OTHER_HASH: "team-a/app", HASH: "team-c/app"}


def test_whoever_opened_a_hash_before_the_operator_started_keeps_it() -> None:
    told = Told()
    told.put(OTHER)
    told.put(APP, status={"hashes": [HASH]})
    told.settle()
    assert told.opened() == {HASH: "team-a/app"}


def test_only_what_shares_a_hash_is_settled_again() -> None:
    told = Told()
    for number, digest in enumerate(HASHES):
        told.put(Key("team-a", f"key-{number}"), hash=digest)
    told.settle()
    before = dict(told.store.claims.opened)
    told.put(Key("team-a", "key-0"), hash=HASHES[0], suspended=True)
    assert told.settle() == {Key("team-a", "key-0")}
    after = told.store.claims.opened
    assert after[HASHES[0]].suspended
    assert all(after[digest] is before[digest] for digest in HASHES[1:])


def test_what_says_the_same_is_no_news_and_keeps_its_entry() -> None:
    told = Told()
    made = told.put(APP)
    told.settle()
    entry = told.store.claims.opened[HASH]
    labelled = {**made, "metadata": {**made["metadata"], "resourceVersion": "50", "labels": {"a": "b"}}}
    assert not told.store.put(labelled)
    assert told.store.known(APP).version == 50  # type: ignore[union-attr]
    told.store.touch_all()
    told.settle()
    assert told.store.claims.opened[HASH] is entry


def test_an_older_version_is_no_news() -> None:
    told = Told()
    old = told.put(APP)
    told.put(APP, suspended=True)
    assert not told.store.put(old)
    told.settle()
    assert told.store.claims.opened[HASH].suspended


def test_the_answer_to_a_write_is_no_news_and_brings_nobody_back() -> None:
    told = Told()
    made = told.put(APP)
    told.settle()
    answer = {**made, "metadata": {**made["metadata"], "resourceVersion": "9"}, "status": {"hashes": [HASH]}}
    told.store.written(answer)
    assert told.store.known(APP).status == {"hashes": [HASH]}  # type: ignore[union-attr]
    assert told.store.is_settled
    assert not told.store.put(answer)
    told.store.remove(APP)
    told.store.written({**answer, "metadata": {**answer["metadata"], "resourceVersion": "10"}})
    assert told.store.known(APP) is None


def test_a_list_without_a_key_takes_it_away_unless_it_came_later() -> None:
    told = Told()
    told.put(APP)
    told.put(OTHER, hash=OTHER_HASH)
    told.settle()
    assert not told.store.complete("team-c", set(), "9")
    assert told.store.complete(None, {("team-b", "app")}, "9")
    told.settle()
    assert told.opened() == {OTHER_HASH: "team-b/app"}
    assert not told.store.complete(None, set(), "1")


def test_a_spec_that_nobody_here_can_read_opens_nothing_and_is_told() -> None:
    told = Told()
    told.put(APP)
    told.settle()
    told.put(APP, hash="short", colour="red")
    told.settle()
    assert told.opened() == {}
    obstacle = told.store.outcome(APP).obstacle
    assert obstacle is not None
    assert obstacle.reason is Reason.INVALID_SPEC
    assert "spec.hash" in obstacle.message
    assert told.store.refused == 1


def test_other_teams_are_another_matter_for_every_key() -> None:
    told = Told()
    told.put(APP, team="search")
    told.settle()
    assert told.opened() == {}
    told.teams = (Team(name="search", namespaces=("team-a",)),)
    told.store.touch_all()
    told.settle()
    assert told.store.outcome(APP).team == "search"


def test_a_key_that_is_not_settled_yet_is_known_as_such() -> None:
    told = Told()
    told.put(APP)
    assert told.store.awaits(APP)
    told.settle()
    assert not told.store.awaits(APP)


@pytest.mark.parametrize("seed", range(40))
def test_settled_in_any_steps_it_is_as_if_settled_at_once(seed: int) -> None:
    chance = random.Random(seed)
    told = Told()
    keys = [Key(f"team-{name}", "app") for name in "abcdef"]
    for _ in range(40):
        key = chance.choice(keys)
        if chance.random() < 0.2:
            told.store.remove(key)
        else:
            replaced = {"hash": chance.choice(HASHES), "validUntil": SOON}
            previous = {"previous": replaced} if chance.random() < 0.5 else {}
            told.put(key, hash=chance.choice(HASHES), team=chance.choice([None, "team-a", key.namespace]), **previous)
        if chance.random() < 0.4:
            told.settle(most=1)
            _is_as_if_settled_at_once(told, keys)


def _is_as_if_settled_at_once(told: Told, keys: list[Key]) -> None:
    """With what each holds now: to settle all of them once more changes nothing."""
    facts = []
    for key in keys:
        known = told.store.known(key)
        if known is not None and known.spec is not None:
            hashes = frozenset(told.store.outcome(key).hashes)
            facts.append(KeyFacts(key.namespace, key.name, known.spec, known.created, hashes))
    assert settle(facts, ()) == told.store.claims
