"""The audit log's lines become the writes that were really made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.audit import Request, requests_in, returns, writes_in


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


def _only(**change: Any) -> Request:
    (write,) = writes_in([_line(**change)])
    return write


def test_a_write_carries_who_what_where_and_how_it_ended() -> None:
    assert _only() == Request("kubernetes-admin", "create", "configmaps", "sea", "chart", "git", 201)


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


def test_a_request_also_tells_group_program_and_time() -> None:
    told = _only(
        userAgent="plimsoll (a)",
        requestReceivedTimestamp="2026-11-21T08:00:00.000001Z",
        objectRef={"resource": "deployments", "apiGroup": "apps"},
    )
    assert (told.group, told.agent) == ("apps", "plimsoll (a)")
    assert told.at.microsecond == 1


def test_reads_and_questions_are_requests_too_and_a_watch_counts_when_it_begins() -> None:
    lines = [_line(verb=verb) for verb in ("get", "list", "create")]
    lines += [_line(verb="watch", stage=stage) for stage in ("ResponseStarted", "ResponseComplete")]
    assert [request.verb for request in requests_in(lines)] == ["get", "list", "create", "watch"]


def _written_by(agents: str) -> list[Request]:
    return [
        _only(userAgent=agent, requestReceivedTimestamp=f"2026-11-21T08:00:{second:02}Z")
        for second, agent in enumerate(agents)
    ]


def test_one_writer_after_the_other_is_no_return() -> None:
    assert returns(_written_by("aaabbb")) == []


def test_a_writer_that_comes_back_is_named() -> None:
    (told,) = returns(_written_by("aabab"[:4]))
    assert told.startswith("a wrote configmaps chart at 2026-11-21 08:00:03+00:00 after b had begun")


def test_writers_are_put_in_the_order_of_their_requests_and_not_of_the_answers() -> None:
    first, second, third = _written_by("aab")
    assert returns([first, third, second]) == []
