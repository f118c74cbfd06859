"""ModelKeys in the hands of a real operator: each is told what it opens, and the routing document follows."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from tests.support.kube import Kube, Object
from tests.support.model_keys import model_key
from tests.support.objects import pod, service_account
from tests.support.operators import Operator, Operators
from tests.support.waiting import wait_until

SECONDS = 40.0


class Keys:
    """The keys of one namespace, and the operator that serves it."""

    def __init__(self, kube: Kube, namespace: str, operators: Operators) -> None:
        self.kube = kube
        self.namespace = namespace
        self.team = "search"
        teams = [{"name": self.team, "namespaces": [namespace]}]
        self.operator: Operator = operators.start(configuration={"teams": teams})

    def create(self, name: str, digest: str | None = None, **spec: object) -> Object:
        return self.kube.create(model_key({"hash": digest or _hash(), **spec}, name, self.namespace))

    def says(self, key: Object, status: str, reason: str) -> Object:
        """Ready of this generation; the whole status."""

        def told() -> Object:
            found = self.kube.read(key)
            said: Object = found.get("status", {})
            ready = [(each["status"], each["reason"]) for each in said.get("conditions", []) if each["type"] == "Ready"]
            is_new = said.get("observedGeneration") == found["metadata"]["generation"]
            return said if is_new and ready == [(status, reason)] else {}

        def seen() -> str:
            return f"Ready is {status} with {reason}: {self.kube.find(key)}\n{self.operator.process.tail()}"

        return wait_until(told, SECONDS, seen)

    def shows(self, metric: str, value: float) -> None:
        wait_until(
            lambda: self.operator.process.metric(f"plimsoll_operator_{metric}") == value,
            SECONDS,
            lambda: f"{metric} is {value}\n{self.operator.process.tail()}",
        )


def _hash() -> str:
    return hashlib.sha256(secrets.token_bytes(32)).hexdigest()


@pytest.fixture
def keys(kube: Kube, namespace: str, operators: Operators) -> Keys:
    return Keys(kube, namespace, operators)


def test_a_key_opens_its_hash_until_it_is_deleted(keys: Keys) -> None:
    keys.shows("routing_sequence", 1)
    digest = _hash()
    key = keys.create("app", digest)
    status = keys.says(key, "True", "Open")
    assert (status["team"], status["hashes"]) == (keys.team, [digest])
    keys.shows("routing_keys", 1)
    keys.kube.merge(key, {"spec": {"suspended": True}})
    keys.says(key, "False", "Suspended")
    keys.kube.delete(key)
    keys.shows("routing_keys", 0)


def test_whoever_copies_a_hash_opens_nothing_and_shuts_nobody_out(keys: Keys) -> None:
    digest = _hash()
    first = keys.create("first", digest)
    keys.says(first, "True", "Open")
    second = keys.create("second", digest)
    status = keys.says(second, "False", "HashTaken")
    assert "hashes" not in {name for name, value in status.items() if value}
    keys.shows("keys_refused", 1)
    keys.says(first, "True", "Open")
    keys.kube.delete(first)
    assert keys.says(second, "True", "Open")["hashes"] == [digest]


def test_a_key_that_names_a_foreign_team_opens_nothing(keys: Keys) -> None:
    key = keys.create("app", team="ads")
    keys.says(key, "False", "TeamNotAllowed")
    keys.shows("routing_keys", 0)
    keys.kube.merge(key, {"spec": {"team": keys.team}})
    keys.says(key, "True", "Open")


def test_a_new_operator_writes_nothing_that_is_said_already(keys: Keys, operators: Operators) -> None:
    for number in range(3):
        keys.says(keys.create(f"key-{number}"), "True", "Open")
    keys.operator.process.end()
    keys.operator.proxy.journal.restart()
    keys.operator.start()
    keys.shows("routing_keys", 3)
    keys.operator.rest()
    assert [str(each) for each in keys.operator.proxy.journal.writes()] == []


def test_gateways_are_counted_as_they_come_and_go(keys: Keys) -> None:
    keys.shows("routing_gateways", 1)
    labels = {"app.kubernetes.io/name": "plimsoll", "app.kubernetes.io/component": "gateway"}
    keys.kube.create(service_account(keys.namespace))
    made = []
    for number in range(2):
        gateway = pod(keys.namespace, f"gateway-{number}", "example.invalid/plimsoll:1")
        gateway["metadata"]["labels"] = labels
        made.append(keys.kube.create(gateway))
    keys.shows("routing_gateways", 2)
    keys.kube.merge(made[0], {"status": {"phase": "Failed"}}, "status")
    keys.shows("routing_gateways", 1)
