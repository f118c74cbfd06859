"""`plimsoll key`: a key is shown once, and only its hash is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest
import yaml

from plimsoll.api.kinds import MODEL_KEY as DECLARED
from plimsoll.api.plain_key import hash_of
from plimsoll.api.validate import validate
from plimsoll.cli import key_showing
from plimsoll.cluster.errors import ClusterError, NotFound, Unavailable
from plimsoll.cluster.kinds import MODEL_KEY
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import Object
from tests.support.model_keys import HASH, OTHER_HASH, SOON, model_key
from tests.support.shown_keys import PLAIN, key_of, stored

LONG_AGO = "2020-01-31T12:00:00Z"
LIMITS = (
    ("--requests", 5, "--tokens", 9000, "--window", "30s"),
    ("--concurrency", 2, "--when-full", "wait", "--queue", 7),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_showing, "_PAUSE_SECONDS", 0.01)


def says(cluster: FakeCluster, status: str, reason: str = "Some", message: str = "") -> None:
    """The operator has looked at every key as it is now, as soon as somebody asks for one."""

    def look() -> None:
        for (kind, _, _), each in cluster.objects.items():
            if kind == MODEL_KEY:
                ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
                seen = each["metadata"].get("generation", 1)
                each["status"] = {"observedGeneration": seen, "conditions": [ready], "team": "sea"}

    cluster.meanwhile = repeat(look)


def test_the_standard_output_is_the_key_and_the_cluster_has_its_hash_alone(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    says(cluster, "True")
    answered = plimsoll("key", "create", "app", "-o", "plain")
    key = key_of(answered)
    assert answered.code == 0
    assert stored(cluster)["spec"] == {"hash": hash_of(key.encode()), "prefix": key[4:10]}
    assert key not in answered.errors
    assert key[10:] not in json.dumps(list(cluster.objects.values()))
    assert cluster.written_by == [("create", "plimsoll-cli")]


def test_every_key_is_another_one(plimsoll: Command, cluster: FakeCluster) -> None:
    keys = {key_of(plimsoll("key", "create", f"app-{number}", "--no-wait")) for number in range(20)}
    assert len({key[10:] for key in keys}) == len({key[4:10] for key in keys}) == 20


def test_what_a_key_opens_and_how_much_is_said_with_options(plimsoll: Command, cluster: FakeCluster) -> None:
    what = ("--team", "search", "--models", "chat, b/*", "--models", "c-*", "--expires-in", "1d12h")
    before = datetime.now(UTC).replace(microsecond=0)
    assert plimsoll("key", "create", "app", *what, *LIMITS[0], *LIMITS[1], "--no-wait").code == 0
    spec = stored(cluster)["spec"]
    assert (spec["team"], spec["models"]) == ("search", ["chat", "b/*", "c-*"])
    assert spec["limits"] == {
        "requests": 5, "tokens": 9000, "window": "30s", "concurrency": 2, "whenFull": "Wait", "queue": 7,
    }  # fmt: skip
    expires = datetime.fromisoformat(spec["expiresAt"])
    assert before + timedelta(hours=36) <= expires <= datetime.now(UTC) + timedelta(hours=36)
    assert not validate(stored(cluster), DECLARED)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--requests", 0), "spec.limits.requests"),
        (("--requests", 1, "--queue", 5), "nobody stands in line"),
        (("--requests", 1, "--window", "2h"), "longer than 1h"),
        (("--models", "A"), "spec.models[0]"),
        (("--expires-in", "soon"), "no duration"),
        (("--expires-in", "xd1h"), "no duration"),
        (("--wait", "soon"), "no duration"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_there_is_a_key(
    plimsoll: Command, cluster: FakeCluster, options: tuple[object, ...], words: str
) -> None:
    answered = plimsoll("key", "create", "app", *options)
    assert (answered.code, answered.output, cluster.objects) == (2, "", {})
    assert words in answered.errors


def test_a_name_that_is_taken_stays_as_it_is(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}))
    answered = plimsoll("key", "create", "app")
    assert (answered.code, answered.output) == (1, "")
    assert "plimsoll key rotate app" in answered.errors
    assert stored(cluster)["spec"]["hash"] == HASH


def test_a_key_that_the_operator_refuses_is_shown_and_ends_with_5(plimsoll: Command, cluster: FakeCluster) -> None:
    says(cluster, "False", "TeamNotAllowed", "default may not charge search")
    answered = plimsoll("key", "create", "app", "--team", "search")
    key_of(answered)
    assert answered.code == 5
    assert "opens nothing: default may not charge search" in answered.errors


def test_without_an_operator_the_key_is_shown_and_the_end_is_4(plimsoll: Command, cluster: FakeCluster) -> None:
    answered = plimsoll("key", "create", "app", "--wait", "0s")
    key_of(answered)
    assert answered.code == 4
    assert "no operator has looked at it yet" in answered.errors


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_the_key_with_what_became_of_it(plimsoll: Command, cluster: FakeCluster, output: str) -> None:
    says(cluster, "True", "Accepted")
    made = plimsoll("key", "create", "app", "-o", output, "--expires-in", "1d").data
    assert hash_of(made["key"].encode()) == stored(cluster)["spec"]["hash"]
    assert (made["namespace"], made["name"], made["ready"]) == ("default", "app", "True")


@pytest.mark.parametrize("trouble", [NotFound('modelkeys.plimsoll.dev "app" not found'), KeyboardInterrupt()])
def test_whatever_ends_the_waiting_the_key_is_shown(
    plimsoll: Command, cluster: FakeCluster, trouble: BaseException
) -> None:
    def end() -> None:
        raise trouble

    cluster.meanwhile = repeat(end)
    answered = plimsoll("key", "create", "app", "-o", "json")
    assert answered.code in (3, 130)
    assert PLAIN.fullmatch(answered.data["key"])


def unheard(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, verb: str, *, kept: bool) -> None:
    """The server does as it is told, or not, and no answer comes."""
    really: Callable[..., object] = getattr(cluster, verb)

    async def write(wanted: Object, *, manager: str) -> Object:
        if kept:
            await really(wanted, manager=manager)  # type: ignore[misc]
        raise Unavailable("POST /apis: no answer in time")

    monkeypatch.setattr(cluster, verb, write)


@pytest.mark.parametrize(("arguments", "verb"), [(("create", "new"), "create"), (("rotate", "app"), "replace")])
def test_a_key_that_was_stored_though_no_answer_came_is_shown(
    plimsoll: Command, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str], verb: str
) -> None:
    cluster(model_key({}))
    unheard(cluster, monkeypatch, verb, kept=True)
    answered = plimsoll("key", *arguments, "--no-wait")
    assert answered.code == 0
    assert hash_of(key_of(answered).encode()) == stored(cluster, arguments[1])["spec"]["hash"]


def test_a_key_that_was_not_stored_is_not_shown(
    plimsoll: Command, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster(model_key({}))
    unheard(cluster, monkeypatch, "replace", kept=False)
    answered = plimsoll("key", "rotate", "app", "--no-wait")
    assert (answered.code, answered.output) == (6, "")


def test_a_manifest_is_for_git_and_the_cluster_is_not_asked(
    plimsoll: Command, cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.trouble = ClusterError("nobody should ask", fix="")
    file = tmp_path / "app.yaml"
    key = key_of(plimsoll("key", "create", "app", "-n", "team", "--requests", 5, "--manifest", file))
    written = yaml.safe_load(file.read_text())
    assert (written["metadata"], written["spec"]["hash"]) == (
        {"name": "app", "namespace": "team"},
        hash_of(key.encode()),
    )
    assert not validate(written, DECLARED)
    assert key[10:] not in file.read_text()
    again = plimsoll("key", "create", "app", "--manifest", file)
    assert (again.code, again.output) == (2, "")


def test_a_manifest_on_the_standard_output_leaves_the_key_to_the_other_one(
    plimsoll: Command, cluster: FakeCluster
) -> None:
    answered = plimsoll("key", "create", "app", "--manifest", "-")
    key = PLAIN.search(answered.errors)
    assert key is not None
    assert answered.data["spec"]["hash"] == hash_of(key[0].encode())
    assert not PLAIN.search(answered.output)
    assert "namespace" not in answered.data["metadata"]


def test_a_key_is_suspended_resumed_and_revoked(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}))
    assert "default/app is suspended" in plimsoll("key", "suspend", "app").output
    assert stored(cluster)["spec"]["suspended"] is True
    assert plimsoll("key", "suspend", "app").code == 0
    assert cluster.written_by == [("replace", "plimsoll-cli")]
    assert "not suspended any more" in plimsoll("key", "resume", "app").output
    assert stored(cluster)["spec"]["suspended"] is False
    assert "its ModelKey is deleted" in plimsoll("key", "revoke", "app").output
    assert cluster.objects == {}


@pytest.mark.parametrize("verb", ["rotate", "suspend", "resume", "revoke"])
def test_a_key_that_is_not_there_is_named(plimsoll: Command, cluster: FakeCluster, verb: str) -> None:
    answered = plimsoll("key", verb, "app")
    assert (answered.code, answered.output) == (3, "")
    assert "plimsoll key list -A" in answered.errors


def test_the_list_says_what_a_key_opens_and_whether(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({"models": ["chat", "b/*"], "expiresAt": LONG_AGO}), model_key({}, "web", "b"))
    says(cluster, "True", "Accepted")
    plimsoll("key", "create", "other", "-n", "c", "-o", "json")
    titles, web, other, app = plimsoll("key", "list", "-A").output.splitlines()
    assert titles.split() == ["NAMESPACE", "NAME", "TEAM", "PREFIX", "MODELS", "READY", "REASON", "EXPIRES", "AGE"]
    assert app.split()[:7] == ["default", "app", "sea", "x7Kq2a", "chat,b/*", "True", "Accepted"]
    assert app.split()[8] == "ago"
    assert web.split()[:2] == ["b", "web"]
    assert other.split()[4] == "*/*"
    assert plimsoll("key", "list", "-n", "b", "-o", "name").output == "modelkey.plimsoll.dev/web\n"
    assert HASH not in plimsoll("key", "list", "-A", "-o", "json").output


def test_when_a_key_ends_is_told_from_now(plimsoll: Command, cluster: FakeCluster) -> None:
    soon = (datetime.now(UTC) + timedelta(days=30, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster(model_key({"expiresAt": soon}))
    assert " in 30d " in plimsoll("key", "list").output


def test_no_keys_are_no_error(plimsoll: Command, cluster: FakeCluster) -> None:
    answered = plimsoll("key", "list")
    assert (answered.code, answered.output) == (0, "")
    assert "plimsoll key create NAME" in answered.errors


def test_where_the_keys_are_may_be_said_before_the_verb(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({}, "a", "team-a"), model_key({}, "b", "team-b"))
    assert plimsoll("-n", "team-a", "key", "list", "-o", "name").output == "modelkey.plimsoll.dev/a\n"
    assert plimsoll("-n", "team-a", "key", "list", "-n", "team-b", "-o", "name").output.endswith("/b\n")


def test_a_key_says_when_the_one_before_it_ends(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_key({"previous": {"hash": OTHER_HASH, "validUntil": SOON}}))
    assert plimsoll("key", "list", "-o", "json").data["items"][0]["previousValidUntil"] == SOON
