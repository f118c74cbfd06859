"""The audit log's lines become the writes that were really made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.audit import Write, writes_in


def _line(**change: Any) -> str:
    event: dict[str, Any] = {
        "stage": "ResponseComplete",
        "verb": "create",
        "requestURI": "/api/v1/namespaces/sea/configmaps?fieldManager=git",
        "user": {"username": "kubernetes-admin"},
        "objectRef": {"resource": "configmaps", "namespace": "sea", "name": "chart", "apiVersion": "v1"},
        "responseStatus": {"code": 201},
    }
    return json.dumps({**event, **change})


def _only(**change: Any) -> Write:
    (write,) = writes_in([_line(**change)])
    return write


def test_a_write_carries_who_what_where_and_how_it_ended() -> None:
    assert _only() == Write("kubernetes-admin", "create", "configmaps", "sea", "chart", "git", 201)


def test_an_impersonated_user_counts_as_the_writer() -> None:
    assert _only(impersonatedUser={"username": "mate"}).user == "mate"


@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete", "deletecollection"])
def test_every_verb_that_changes_something_is_a_write(verb: str) -> None:
    assert _only(verb=verb).verb == verb


@pytest.mark.parametrize("verb", ["get", "list", "watch", "connect"])
def test_reading_is_no_write(verb: str) -> None:
    assert list(writes_in([_line(verb=verb)])) == []


def test_a_request_is_counted_once_although_each_stage_is_logged() -> None:
    stages = ["RequestReceived", "ResponseStarted", "ResponseComplete"]
    assert len(list(writes_in(_line(stage=stage) for stage in stages))) == 1


def test_a_dry_run_is_no_write() -> None:
    assert list(writes_in([_line(requestURI="/api/v1/namespaces/sea/configmaps?dryRun=All")])) == []


@pytest.mark.parametrize("group", ["authorization.k8s.io", "authentication.k8s.io"])
def test_a_review_is_a_question_and_no_write(group: str) -> None:
    assert list(writes_in([_line(objectRef={"resource": "reviews", "apiGroup": group})])) == []


def test_a_subresource_is_named_with_its_resource() -> None:
    target = {"resource": "deployments", "subresource": "status", "namespace": "sea", "name": "model"}
    assert _only(objectRef=target, verb="patch").resource == "deployments/status"


@pytest.mark.parametrize(("code", "accepted"), [(200, True), (201, True), (403, False), (409, False), (422, False)])
def test_a_refused_write_is_told_apart(code: int, accepted: bool) -> None:
    assert _only(responseStatus={"code": code}).accepted is accepted
