"""The paths of the gateway, and what becomes of requests that never reach a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from plimsoll.gateway.call import NO_TEAM, Call
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Phase
from plimsoll.routing.document import Document, Down
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Generation
from tests.support import virtual_time
from tests.support.front import ASKED, CHAT, JSON, KEY, Answered, Front, Wire
from tests.support.routing_documents import digest_of, document, key, model, served

Story = Callable[[Front], Awaitable[None]]


def _document(*models: object, **changes: object) -> Document:
    made = models or (model("team-a/chat"), model("team-a/down", Down(reason="Starting", message="it starts")))
    return document(*made, keys={digest_of(KEY): key(**changes)})  # type: ignore[arg-type]


def _told(story: Story, routes: Document | None = None, auth: Auth = Auth.REQUIRED, known: bool = True) -> None:
    async def main() -> None:
        await story(Front((routes or _document()) if known else None, auth=auth))

    virtual_time.run(main())


def _ask(path: str = CHAT, **how: object) -> Answered:
    async def main() -> Answered:
        return await Front(_document()).ask(path, **how)  # type: ignore[arg-type]

    return virtual_time.run(main())


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/chat", "/v1/chat/completions/", "/v2/models", "/metrics", "//v1/models"]
)
def test_what_is_no_path_of_ours_is_404_in_the_shape_of_all_errors(path: str) -> None:
    answered = _ask(path, method="GET", body=b"")
    assert (answered.status, answered.code) == (404, "path_not_found")
    assert answered.headers["content-type"] == "application/json"
    assert answered.said["error"]["request_id"] == answered.headers["x-request-id"] == "req_1"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", CHAT, "POST"), ("PUT", "/v1/embeddings", "POST"), ("POST", "/v1/models", "GET, HEAD")],
)
def test_another_method_is_405_with_those_that_are_taken(method: str, path: str, allowed: str) -> None:
    answered = _ask(path, method=method, body=b"")
    assert (answered.status, answered.code, answered.headers["allow"]) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "missing_api_key"),
        ({**JSON, "authorization": "Bearer plm_nobody"}, 401, "invalid_api_key"),
        ({**JSON, "content-type": "text/plain"}, 415, "unsupported_media_type"),
        ({**JSON, "content-encoding": "gzip"}, 415, "unsupported_media_type"),
        ({**JSON, "content-length": str(5 << 20)}, 413, "body_too_large"),
    ],
)
def test_nothing_is_read_of_what_is_refused_by_its_headers(headers: dict[str, str], status: int, code: str) -> None:
    answered = _ask(headers=headers, body=[])
    assert (answered.status, answered.code) == (status, code)


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_large() -> None:
    answered = _ask(body=[b"x" * (1 << 20)] * 5 + [ConnectionResetError])
    assert (answered.status, answered.code) == (413, "body_too_large")


def test_a_body_that_does_not_come_is_408_and_the_end_of_the_connection() -> None:
    answered = _ask(body=[b'{"model"', None])
    assert (answered.status, answered.code, answered.headers["connection"]) == (408, "body_timeout", "close")


def test_long_bodies_have_a_bound_in_all_and_give_their_room_back() -> None:
    long = {**ASKED, "user": "x" * 600_000}
    inside = asyncio.Event()

    async def slow(call: Call) -> None:
        await inside.wait()
        await call.responder.finish()

    async def main() -> None:
        front = Front(_document(), slow, body_bytes=1 << 20)
        first = asyncio.ensure_future(front.ask(body=long))
        await asyncio.sleep(0)
        refused = await front.ask(body=long)
        assert (refused.status, refused.code) == (503, "bodies_full")
        inside.set()
        await first
        front.intake.grown("another", 1 << 20)

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "invalid_json"), (b'{"model":1}', "invalid_value"), (b"", "invalid_json")]
)
def test_a_body_that_is_no_request_is_400(body: bytes, code: str) -> None:
    answered = _ask(body=body)
    assert (answered.status, answered.code) == (400, code)


def test_a_model_that_is_not_up_is_503_with_its_condition_and_when_to_come_again() -> None:
    answered = _ask(body={**ASKED, "model": "down"})
    assert (answered.status, answered.headers["retry-after"]) == (503, "5")
    assert "it starts (Starting)" in answered.said["error"]["message"]


def test_what_the_client_asks_reaches_the_back_as_policy_leaves_it() -> None:
    calls: list[Call] = []

    async def back(call: Call) -> None:
        calls.append(call)
        await call.responder.start(200, [])
        await call.responder.finish(b"{}")

    async def main() -> Answered:
        state = served(revision=7, target="inner", generation=Generation(maximum={"maxTokens": 5}))
        front = Front(_document(model("team-a/chat", state), team="blue"), back)
        return await front.ask(body={**ASKED, "max_tokens": 9})

    answered = virtual_time.run(main())
    assert (calls[0].team, calls[0].key_name, calls[0].operation) == ("blue", "team-a/app", "chat")
    assert b'"model":"inner"' in calls[0].body
    assert answered.headers["x-plimsoll-model"] == "team-a/chat"
    assert answered.headers["x-plimsoll-revision"] == "7"
    assert answered.headers["x-plimsoll-capped"] == "max_tokens=5;asked=9"


def test_a_body_is_forgotten_when_the_back_says_so() -> None:
    async def back(call: Call) -> None:
        call.forget_body()
        assert (call.body, call.request.body.raw, call.request.stream) == (b"", b"", True)
        await call.responder.finish()

    async def main() -> None:
        await Front(_document(), back).ask(body={**ASKED, "stream": True})

    virtual_time.run(main())


def test_an_error_of_the_back_before_the_answer_is_told_with_what_is_known_of_the_model() -> None:
    async def back(_call: Call) -> None:
        raise ApiError(Code.UPSTREAM_UNREACHABLE, retry_after=3)

    async def main() -> Answered:
        return await Front(_document(), back).ask()

    answered = virtual_time.run(main())
    assert (answered.status, answered.code, answered.headers["retry-after"]) == (502, "upstream_unreachable", "3")
    assert answered.headers["x-plimsoll-revision"] == "1"


def test_what_nobody_has_thought_of_is_500_and_never_half_an_answer() -> None:
    async def early(_call: Call) -> None:
        raise RuntimeError("not thought of")

    async def late(call: Call) -> None:
        await call.responder.start(200, [])
        raise RuntimeError("not thought of")

    async def main() -> tuple[Answered, Answered]:
        return await Front(_document(), early).ask(), await Front(_document(), late).ask()

    before, after = virtual_time.run(main())
    assert (before.status, before.code) == (500, "internal_error")
    assert "thought" not in before.body.decode()
    assert after.aborted


def test_the_hold_is_settled_whatever_the_back_does() -> None:
    async def broken(_call: Call) -> None:
        raise RuntimeError("not thought of")

    async def main() -> None:
        front = Front(_document(), broken)
        await front.ask()
        assert not front.holds._held
        assert not front.state.inside
        assert front.metric("plimsoll_inflight_requests") == 0

    virtual_time.run(main())


def test_a_client_that_goes_away_is_told_to_the_back_and_counted_apart() -> None:
    async def back(call: Call) -> None:
        await call.stopped

    async def main() -> None:
        front, wire = Front(_document(), back), Wire()
        asking = asyncio.ensure_future(front.ask(wire=wire))
        await asyncio.sleep(1)
        assert wire.left is not None
        wire.left()
        await asking
        assert front.metric("plimsoll_requests_total", code="cancelled", model="team-a/chat") == 1
        assert front.lines[0]["cancelled"] is True

    virtual_time.run(main())


def test_a_client_that_goes_away_while_it_sends_leaves_nothing_behind() -> None:
    async def story(front: Front) -> None:
        answered = await front.ask(body=[b"{", ConnectionResetError])
        assert answered.status == 0
        assert front.metric("plimsoll_requests_total", code="cancelled", model="none") == 1

    _told(story)


def test_without_routes_and_while_it_drains_nobody_is_let_in() -> None:
    async def without(front: Front) -> None:
        answered = await front.ask()
        assert (answered.status, answered.code, answered.headers["retry-after"]) == (503, "no_routes", "2")

    async def draining(front: Front) -> None:
        front.state.phase = Phase.DRAINING
        answered = await front.ask()
        assert (answered.status, answered.code) == (503, "draining")
        assert answered.headers["connection"] == "close"

    _told(without, known=False)
    _told(draining)


def test_while_it_leaves_each_answer_is_the_last_of_its_connection() -> None:
    async def story(front: Front) -> None:
        front.state.phase = Phase.LEAVING
        answered = await front.ask()
        assert (answered.status, answered.headers["connection"]) == (200, "close")

    _told(story)


def test_who_waits_when_a_key_is_revoked_is_refused() -> None:
    inside = asyncio.Event()

    async def slow(call: Call) -> None:
        await inside.wait()
        await call.responder.finish()

    async def main() -> None:
        limits = Limits(concurrency=1, when_full="wait", queue=3)
        front = Front(_document(limits=limits), slow)
        first = asyncio.ensure_future(front.ask())
        await asyncio.sleep(1)
        second = asyncio.ensure_future(front.ask())
        await asyncio.sleep(1)
        front.route(document(model("team-a/chat")))
        inside.set()
        await first
        assert (await second).code == "invalid_api_key"
        assert not front.holds._held

    virtual_time.run(main())


def test_where_no_keys_are_asked_for_a_call_is_of_nobody() -> None:
    async def story(front: Front) -> None:
        answered = await front.ask(headers={})
        assert answered.status == 200
        assert front.lines[0]["team"] == NO_TEAM
        assert "key" not in front.lines[0]

    _told(story, auth=Auth.NONE)


def test_the_models_of_a_key_are_listed_and_told_one_by_one() -> None:
    async def story(front: Front) -> None:
        listed = await front.get("/v1/models")
        assert [card["id"] for card in listed.said["data"]] == ["team-a/chat", "team-a/down"]
        assert (await front.get("/v1/models/team-a/chat")).said["id"] == "team-a/chat"
        assert (await front.get("/v1/models/chat")).said["id"] == "team-a/chat"
        assert (await front.get("/v1/models/nothing")).code == "model_not_found"
        assert (await front.get("/v1/models", {})).code == "missing_api_key"

    _told(story)


def test_a_request_is_a_line_in_the_log_and_a_count_and_no_word_of_what_was_said() -> None:
    async def story(front: Front) -> None:
        await front.ask(body={**ASKED, "user": "somebody"})
        await front.ask("/secret/path", b"")
        assert front.lines[0]["model"] == "team-a/chat"
        assert (
            front.lines[0] | {"request": "req_1", "status": 200, "operation": "chat", "team": "team-a"}
            == front.lines[0]
        )
        assert "secret" not in str(front.lines)
        assert "Ahoy" not in str(front.lines)
        assert "somebody" not in str(front.lines)
        assert front.metric("plimsoll_requests_total", model="team-a/chat", team="team-a", code="2xx") == 1
        assert front.metric("plimsoll_requests_total", operation="other", code="4xx") == 1

    _told(story)
