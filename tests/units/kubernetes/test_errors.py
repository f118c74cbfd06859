"""What an API server says no with becomes a type."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plimsoll.cluster.errors import (
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    Refused,
    Unavailable,
    error_from,
)
from tests.support.toy_server import status

_RBAC = (
    'deployments.apps "chat" is forbidden: User "system:serviceaccount:plimsoll:operator" cannot patch resource '
    '"deployments" in API group "apps" in the namespace "team"'
)


def _error(code: int, message: str = "no", headers: dict[str, str] | None = None, **more: Any) -> ClusterError:
    return error_from(code, json.dumps(status(code, message, **more)).encode(), headers or {})


@pytest.mark.parametrize(
    ("code", "expected"),
    [(404, NotFound), (409, Conflict), (410, Expired), (422, Refused), (400, Refused), (429, Unavailable)],
)
def test_every_answer_has_its_type(code: int, expected: type[ClusterError]) -> None:
    assert type(_error(code)) is expected


def test_a_missing_right_names_verb_and_resource() -> None:
    error = _error(403, _RBAC)
    assert isinstance(error, Forbidden)
    assert (error.verb, error.resource) == ("patch", "deployments")
    assert error.fix == "let an administrator allow `patch` on `deployments`"


def test_the_words_of_an_admission_are_kept() -> None:
    words = 'pods "chat" is forbidden: violates PodSecurity "restricted:latest": privileged'
    error = _error(403, words)
    assert isinstance(error, Refused)
    assert error.message == words


def test_a_namespace_that_goes_away_is_not_there() -> None:
    details = {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
    assert isinstance(_error(403, "it is being terminated", details=details), NotFound)


def test_the_time_that_the_server_asks_for_is_kept() -> None:
    error = _error(429, headers={"Retry-After": "7"})
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7


def test_a_date_as_time_is_left_to_our_own_patience() -> None:
    error = _error(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert isinstance(error, Unavailable)
    assert error.retry_after is None


def test_a_page_of_a_proxy_is_an_answer_too() -> None:
    assert error_from(502, b"<html>Bad gateway</html>", {}).message == "the API server answered 502"
    assert isinstance(error_from(418, b"[1]", {}), Refused)


def test_another_object_of_the_same_name_is_a_conflict() -> None:
    words = 'ServiceAccount "x" is invalid: metadata.uid: Invalid value: "452c": field is immutable'
    assert isinstance(_error(422, words), Conflict)


def test_a_webhook_that_fails_refuses_one_object_and_is_no_absence_of_the_server() -> None:
    words = 'Internal error occurred: failed calling webhook "policy.example.com": connection refused'
    assert isinstance(_error(500, words), Refused)
    assert isinstance(_error(500, "Internal error occurred: etcd is busy"), Unavailable)


def test_a_field_that_an_apply_does_not_know_refuses_one_object_and_is_no_absence_of_the_server() -> None:
    words = "failed to create typed patch object (team/chat; apps/v1, Kind=Deployment): .spec.x: field not declared"
    assert type(_error(500, words)) is Refused
    assert type(_error(500, "etcdserver: request timed out")) is Unavailable
