"""`plimsoll key` against a real API server: what it stores, and what happens when others write too."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plimsoll.api.plain_key import hash_of
from plimsoll.cli import key_making
from tests.support.command import Command
from tests.support.kube import Kube, Object, RefusedError
from tests.support.model_keys import OTHER_HASH, model_key
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

KEY = re.compile(r"plm_[A-Za-z0-9]{6}[A-Za-z0-9_-]{43}\n")
SECONDS = 60
EVERYTHING = (
    *("--team", "search", "--models", "chat,team-b/*", "--expires-in", "90d"),
    *("--requests", 600, "--tokens", 90_000, "--window", "30s", "--concurrency", 4),
    *("--when-full", "wait", "--queue", 7),
)


@pytest.fixture
def plimsoll(
    cluster: ProcessCluster, definition: Object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return Command(monkeypatch, capsys)


@pytest.fixture
def target(namespace: str) -> Object:
    return model_key({}, namespace=namespace)


def looked_at(kube: Kube, target: Object, status: str) -> None:
    """As the operator does as soon as the object is there."""
    stored = wait_until(lambda: kube.find(target), SECONDS, "there is a key")
    assert stored is not None
    generation = stored["metadata"]["generation"]
    ready = {
        "type": "Ready", "status": status, "reason": "Accepted", "message": "as the operator says",
        "observedGeneration": generation, "lastTransitionTime": "2026-11-21T08:00:00Z",
    }  # fmt: skip
    kube.merge(
        target,
        {"status": {"observedGeneration": generation, "conditions": [ready], "team": "search"}},
        subresource="status",
    )


def test_all_that_can_be_said_of_a_key_is_stored_under_our_name(
    plimsoll: Command, kube: Kube, namespace: str, target: Object
) -> None:
    answered = plimsoll("key", "create", "app", "-n", namespace, "--no-wait", *EVERYTHING)
    assert (answered.code, bool(KEY.fullmatch(answered.output))) == (0, True)
    stored = kube.read(target)
    spec = stored["spec"]
    assert spec["hash"] == hash_of(answered.output.strip().encode())
    assert (spec["team"], spec["models"], spec["suspended"]) == ("search", ["chat", "team-b/*"], False)
    assert spec["limits"] == {
        "requests": 600, "tokens": 90_000, "window": "30s", "concurrency": 4, "whenFull": "Wait", "queue": 7,
    }  # fmt: skip
    assert {entry["manager"] for entry in stored["metadata"]["managedFields"]} == {"plimsoll-cli"}


def test_the_verb_ends_when_the_operator_has_accepted_the_key(
    plimsoll: Command, kube: Kube, namespace: str, target: Object
) -> None:
    with ThreadPoolExecutor(1) as pool:
        operator = pool.submit(looked_at, kube, target, "True")
        answered = plimsoll("key", "create", "app", "-n", namespace, "--wait", f"{SECONDS}s")
        operator.result()
    assert answered.code == 0
    assert KEY.fullmatch(answered.output)
    assert "is accepted: as the operator says" in answered.errors


def test_a_second_key_of_that_name_is_refused(plimsoll: Command, kube: Kube, namespace: str, target: Object) -> None:
    kube.create(target)
    answered = plimsoll("key", "create", "app", "-n", namespace)
    assert (answered.code, answered.output) == (1, "")
    assert kube.read(target)["spec"]["hash"] == target["spec"]["hash"]


def test_a_rotation_leaves_all_else_to_whoever_wrote_it(
    plimsoll: Command, kube: Kube, namespace: str, target: Object
) -> None:
    target["spec"] |= {"team": "search", "limits": {"requests": 3}}
    before = kube.create(target)["spec"]
    answered = plimsoll("key", "rotate", "app", "-n", namespace, "--overlap", "2h", "--no-wait")
    assert answered.code == 0
    after = kube.read(target)["spec"]
    assert after.pop("previous")["hash"] == before.pop("hash")
    assert after.pop("hash") == hash_of(answered.output.strip().encode())
    assert after.pop("prefix") != before.pop("prefix")
    assert after == before


def test_a_rotation_that_comes_second_shows_no_key(
    kube: Kube, plimsoll: Command, namespace: str, target: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube.create(target)
    others = iter([{"spec": {"hash": OTHER_HASH}}])
    really = key_making._Rotation.of

    def raced(rotation: key_making._Rotation, spec: Object) -> Object:
        made = really(rotation, spec)
        for change in others:
            kube.merge(target, change)
        return made

    monkeypatch.setattr(key_making._Rotation, "of", raced)
    answered = plimsoll("key", "rotate", "app", "-n", namespace, "--no-wait")
    assert (answered.code, answered.output) == (1, "")
    assert "at the same time" in answered.errors
    assert kube.read(target)["spec"]["hash"] == OTHER_HASH


def test_keys_are_listed_suspended_resumed_and_revoked(
    plimsoll: Command, kube: Kube, namespace: str, target: Object
) -> None:
    kube.create(target)
    looked_at(kube, target, "True")
    (item,) = plimsoll("key", "list", "-n", namespace, "-o", "json").data["items"]
    assert (item["name"], item["prefix"], item["team"], item["ready"]) == ("app", "x7Kq2a", "search", "True")
    assert plimsoll("key", "suspend", "app", "-n", namespace).code == 0
    assert kube.read(target)["spec"]["suspended"] is True
    assert plimsoll("key", "resume", "app", "-n", namespace).code == 0
    assert kube.read(target)["spec"]["suspended"] is False
    assert plimsoll("key", "revoke", "app", "-n", namespace).code == 0
    assert kube.find(target) is None
    assert plimsoll("key", "revoke", "app", "-n", namespace).code == 3


def test_a_manifest_is_one_that_the_server_takes(  # noqa: PLR0917
    plimsoll: Command, cluster: ProcessCluster, kube: Kube, namespace: str, target: Object, tmp_path: Path
) -> None:
    file = tmp_path / "app.yaml"
    key = plimsoll("key", "create", "app", "--manifest", file, *EVERYTHING).output.strip()
    cluster.kubectl("apply", "--server-side", "-n", namespace, "-f", str(file))
    assert kube.read(target)["spec"]["hash"] == hash_of(key.encode())


def test_a_name_that_only_the_server_knows_to_be_wrong_makes_no_key(plimsoll: Command, namespace: str) -> None:
    answered = plimsoll("key", "create", "No.Name_", "-n", namespace)
    assert (answered.code, answered.output) == (6, "")
    assert "No.Name_" in answered.errors


def test_a_namespace_that_is_not_there_makes_no_key(plimsoll: Command, kube: Kube) -> None:
    answered = plimsoll("key", "create", "app", "-n", "no-such-namespace")
    assert (answered.code, answered.output) == (3, "")
    with pytest.raises(RefusedError):
        kube.read(model_key({}, namespace="no-such-namespace"))
