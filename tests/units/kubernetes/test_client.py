"""The client sends what is meant and reads what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import yaml
from aiohttp import web

from plimsoll.cluster import kinds
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, Expired, NotFound, Unavailable
from plimsoll.cluster.kinds import Kind, Object
from tests.support.toy_server import Answer, Asked, ToyServer, answering, status, toy_server

_SERVICE: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat", "namespace": "team"}}


def _with_client(answer: Answer, use: Callable[[Client], Coroutine[Any, Any, Any]], **options: Any) -> list[Asked]:
    async def main() -> list[Asked]:
        async with toy_server(answer) as server:
            await use(_client(server, **options))
            return server.asked

    return asyncio.run(main())


def _client(server: ToyServer, **options: Any) -> Client:
    return Client(server.session, server.url, **options)


def test_an_apply_is_forced_and_names_its_manager() -> None:
    (asked,) = _with_client(answering(_SERVICE), lambda client: client.apply(_SERVICE))
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/namespaces/team/services/chat")
    assert asked.query == {"fieldManager": "plimsoll-operator", "force": "true"}
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.body == _SERVICE


def test_an_apply_is_read_as_yaml_and_means_the_same_there() -> None:
    text = "\t\x01\x7f\x80\x85\xa0 \u4e2d \u2028\u2029\ufeff\ufffd\uffff \U0001f6a2\U0010ffff \\ud83d\\ude00"
    wanted = {**_SERVICE, "metadata": {**_SERVICE["metadata"], "annotations": {"words": text}}}
    (asked,) = _with_client(answering(wanted), lambda client: client.apply(wanted))
    assert asked.body == yaml.safe_load(asked.text) == wanted


def test_an_apply_of_something_new_can_hit_nothing_that_exists() -> None:
    (asked,) = _with_client(answering(_SERVICE), lambda client: client.apply(_SERVICE, only_new=True))
    assert asked.body["metadata"] == {"name": "chat", "namespace": "team", "resourceVersion": "1"}
    assert "resourceVersion" not in _SERVICE["metadata"]


def test_a_review_is_a_question_that_is_no_write() -> None:
    question = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "t"}}
    written: list[object] = []

    async def use(client: Client) -> None:
        assert await client.review(question) == {"status": {}}

    (asked,) = _with_client(answering({"status": {}}), use, written=lambda *each: written.append(each))
    assert (asked.method, asked.path) == ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")
    assert asked.body == question
    assert written == []


def test_a_status_goes_to_its_subresource() -> None:
    config = {**_SERVICE, "apiVersion": "plimsoll.dev/v1alpha1", "kind": "ModelConfig"}
    (asked,) = _with_client(answering(config), lambda client: client.apply_status(config))
    assert asked.path == "/apis/plimsoll.dev/v1alpha1/namespaces/team/modelconfigs/chat/status"


def test_a_delete_is_of_exactly_the_object_that_was_seen() -> None:
    seen = {"uid": "u-1", "resourceVersion": "7"}
    (asked,) = _with_client(answering({}), lambda client: client.delete(kinds.DEPLOYMENT, "team", "chat", seen))
    assert (asked.method, asked.path) == ("DELETE", "/apis/apps/v1/namespaces/team/deployments/chat")
    assert asked.body["preconditions"] == seen
    assert asked.body["propagationPolicy"] == "Background"


def test_a_list_is_read_page_by_page_and_its_items_say_what_they_are() -> None:
    async def answer(asked: Asked) -> web.StreamResponse:
        more = asked.query.get("continue")
        metadata = {"resourceVersion": "5"} | ({} if more else {"continue": "next"})
        return web.json_response({"metadata": metadata, "items": [{"metadata": {"name": more or "first"}}]})

    async def use(client: Client) -> None:
        found = await client.list(kinds.POD, None, "a=b")
        assert [each["metadata"]["name"] for each in found] == ["first", "next"]
        assert {(each["apiVersion"], each["kind"]) for each in found} == {("v1", "Pod")}

    asked = _with_client(answer, use)
    assert [each.path for each in asked] == ["/api/v1/pods", "/api/v1/pods"]
    assert asked[0].query == {"limit": "500", "labelSelector": "a=b"}


def _streaming(*events: Object) -> Answer:
    async def answer(asked: Asked) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked.request)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        return response

    return answer


def test_a_watch_tells_every_event_until_the_stream_ends() -> None:
    events = [{"type": "ADDED", "object": {"a": 1}}, {"type": "BOOKMARK", "object": {"b": 2}}]

    async def use(client: Client) -> None:
        told = [each async for each in client.watch(kinds.POD, "team", "a=b", "9")]
        assert told == [("ADDED", {"a": 1}), ("BOOKMARK", {"b": 2})]

    (asked,) = _with_client(_streaming(*events), use)
    assert asked.query["resourceVersion"] == "9"
    assert asked.query["allowWatchBookmarks"] == "true"


def test_an_error_in_a_watch_is_raised_as_its_type() -> None:
    async def use(client: Client) -> None:
        with pytest.raises(Expired):
            async for _ in client.watch(kinds.POD, None, "", "1"):
                pass

    _with_client(_streaming({"type": "ERROR", "object": status(410)}), use)


@pytest.mark.parametrize(("code", "expected"), [(404, NotFound), (409, Conflict), (503, Unavailable)])
def test_a_refusal_is_raised_and_counted(code: int, expected: type[Exception]) -> None:
    counted: list[tuple[Kind, str, str]] = []

    async def use(client: Client) -> None:
        with pytest.raises(expected):
            await client.apply(_SERVICE)

    def count(*write: Any) -> None:
        counted.append(write)

    _with_client(answering(status(code), code), use, written=count)
    assert counted == [(kinds.SERVICE, "apply", "conflict" if code == 409 else "failed")]


def test_who_may_not_write_sends_nothing() -> None:
    class Lost(Exception):
        pass

    def may_write() -> float:
        raise Lost

    async def use(client: Client) -> None:
        await client.get(kinds.SERVICE, "team", "chat")
        for write in (client.apply, client.apply_status, client.create, client.replace):
            with pytest.raises(Lost):
                await write(_SERVICE)
        with pytest.raises(Lost):
            await client.delete(kinds.SERVICE, "team", "chat")

    asked = _with_client(answering(_SERVICE), use, may_write=may_write)
    assert [each.method for each in asked] == ["GET"]


def test_a_write_takes_no_longer_than_the_right_to_write_lasts() -> None:
    async def answer(_: Asked) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def use(client: Client) -> None:
        with pytest.raises(Unavailable, match="no answer in time"):
            await client.apply(_SERVICE)

    _with_client(answer, use, may_write=lambda: 0.01)


def test_a_server_that_is_gone_is_unavailable() -> None:
    async def main() -> None:
        async with toy_server(answering({})) as server:
            with pytest.raises(Unavailable, match="GET /api/v1/namespaces/team/services/chat"):
                await Client(server.session, "http://127.0.0.1:1").get(kinds.SERVICE, "team", "chat")

    asyncio.run(main())


def test_streams_that_break_keep_no_request_waiting() -> None:
    async def answer(asked: Asked) -> web.StreamResponse:
        if asked.query.get("watch"):
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(asked.request)
            await response.write(b'{"type": "ADDED", "object": {}}\n')
            assert asked.request.transport is not None
            asked.request.transport.close()
            return response
        return web.json_response(_SERVICE)

    async def use(client: Client) -> None:
        for _ in range(8):
            with pytest.raises(Unavailable):
                async for _ in client.watch(kinds.POD, None, "", "1"):
                    pass
        async with asyncio.timeout(0.5):
            await client.get(kinds.SERVICE, "team", "chat")

    _with_client(answer, use)
