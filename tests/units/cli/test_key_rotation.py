"""`plimsoll key rotate`: a new key in place of the old one, which is valid for a while and never ended by accident."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plimsoll.api.kinds import MODEL_KEY as DECLARED
from plimsoll.api.plain_key import hash_of
from plimsoll.api.validate import validate
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_keys import HASH, OTHER_HASH, model_key
from tests.support.shown_keys import key_of, stored

LONG_AGO, NEVER = "2020-01-31T12:00:00Z", "2999-01-31T12:00:00Z"


def test_what_was_said_about_an_older_key_does_not_count(plimsoll: Command, cluster: FakeCluster) -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Accepted"}
    cluster({**model_key({}), "status": {"observedGeneration": 1, "conditions": [ready]}})
    stored(cluster)["metadata"]["generation"] = 2
    assert plimsoll("key", "rotate", "app", "--wait", "0s").code == 4


def test_a_rotation_keeps_all_but_the_key_and_the_old_one_is_valid_for_the_overlap(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    cluster(model_key({"team": "search", "limits": {"requests": 5}}))
    before = datetime.now(UTC).replace(microsecond=0)
    key = key_of(plimsoll("key", "rotate", "app", "--overlap", "2d", "--no-wait"))
    spec = stored(cluster)["spec"]
    assert (spec["hash"], spec["prefix"], spec["team"]) == (hash_of(key.encode()), key[4:10], "search")
    assert spec["limits"] == {"requests": 5}
    assert spec["previous"]["hash"] == HASH
    until = datetime.fromisoformat(spec["previous"]["validUntil"])
    assert before + timedelta(days=2) <= until <= datetime.now(UTC) + timedelta(days=2)
    assert not validate(stored(cluster), DECLARED)


def test_without_an_overlap_the_old_key_ends_at_once(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}))
    assert plimsoll("key", "rotate", "app", "--overlap", "0s", "--no-wait").code == 0
    assert "previous" not in stored(cluster)["spec"]


def test_a_key_that_is_still_valid_from_the_last_time_is_not_ended_by_accident(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    cluster(model_key({"previous": {"hash": OTHER_HASH, "validUntil": NEVER}}))
    answered = plimsoll("key", "rotate", "app")
    assert (answered.code, answered.output) == (1, "")
    assert f"valid until {NEVER}" in answered.errors
    assert plimsoll("key", "rotate", "app", "--force", "--no-wait").code == 0
    assert stored(cluster)["spec"]["previous"]["hash"] == HASH


def test_one_that_is_over_is_in_nobodys_way(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({"previous": {"hash": OTHER_HASH, "validUntil": LONG_AGO}}))
    assert plimsoll("key", "rotate", "app", "--no-wait").code == 0


def test_an_edit_in_between_is_kept(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}))
    cluster.before_replace = lambda: cluster(model_key({"limits": {"requests": 9}}))
    key = key_of(plimsoll("key", "rotate", "app", "--no-wait"))
    spec = stored(cluster)["spec"]
    assert (spec["limits"], spec["hash"]) == ({"requests": 9}, hash_of(key.encode()))


def test_of_two_rotations_at_once_one_is_made(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}))
    cluster.before_replace = lambda: cluster(model_key({"hash": OTHER_HASH}))
    answered = plimsoll("key", "rotate", "app", "--no-wait")
    assert (answered.code, answered.output) == (1, "")
    assert "at the same time" in answered.errors
    assert stored(cluster)["spec"]["hash"] == OTHER_HASH


def test_a_rotation_for_git_changes_nothing_here(plimsoll: Command, cluster: FakeCluster, tmp_path: Path) -> None:
    made = model_key({"team": "search"})
    made["metadata"]["labels"] = {"app": "shop"}
    cluster(made)
    file = tmp_path / "app.json"
    key = key_of(plimsoll("key", "rotate", "app", "--manifest", file))
    written = json.loads(file.read_text())
    assert written["metadata"] == {"name": "app", "namespace": "default", "labels": {"app": "shop"}}
    assert (written["spec"]["hash"], written["spec"]["previous"]["hash"]) == (hash_of(key.encode()), HASH)
    assert stored(cluster)["spec"]["hash"] == HASH
