"""What limits a call, the most that it can take, and the words of a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from plimsoll.cost.record import Operation, Outcome
from plimsoll.gateway.admission import (
    UNBOUNDED_ANSWER,
    Admission,
    Applicant,
    left_headers,
    limited_by,
    most_tokens,
)
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import request_of
from plimsoll.gateway.waiting import WaitingRoom
from plimsoll.ledger.holds import Ask, Granted, Kind, Limited, Scope
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.document import Document, Key, Provider, Served
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Generation
from tests.support.operator_process import sum_of
from tests.support.routing_documents import document, key, model, served

NANO = 1_000_000_000
OPEN = Provider(base_url="https://provider.example/v1")
MESSAGES = [{"role": "user", "content": "Ahoy"}]


def _applicant(
    fields: Mapping[str, Any], state: Served | None = None, own: Key | None = None, operation: Operation = "chat"
) -> Applicant:
    body = orjson.dumps({"model": "chat", **fields})
    state = state or served()
    # Nobody waits here.
    stopped = cast("asyncio.Future[Outcome]", None)
    request = request_of(operation, read(body))
    return Applicant(
        id="req-1", key=own, model=model(state=state), served=state, request=request, body=b"x" * 100, stopped=stopped
    )


@pytest.mark.parametrize(
    ("fields", "changes", "most"),
    [
        # 100 bytes of a prompt, and an answer up to the bound that holds.
        ({"max_tokens": 50}, {}, 150),
        ({"max_completion_tokens": 50}, {}, 150),
        ({"max_tokens": 50, "n": 4}, {}, 300),
        ({}, {}, 4096),
        ({"max_tokens": 9000}, {}, 4096),
        ({"max_tokens": 9000}, {"generation": Generation(maximum={"maxTokens": 200})}, 300),
        ({}, {"generation": Generation(defaults={"maxTokens": 60})}, 160),
        ({"max_tokens": 70}, {"generation": Generation(defaults={"maxTokens": 60})}, 170),
        ({}, {"upstream": OPEN, "context": None}, 100 + UNBOUNDED_ANSWER),
        ({"max_tokens": 10_000}, {"upstream": OPEN, "context": None}, 10_100),
    ],
)
def test_the_most_that_a_chat_can_take_is_what_is_held(
    fields: Mapping[str, Any], changes: Mapping[str, Any], most: int
) -> None:
    assert most_tokens(_applicant({"messages": MESSAGES, **fields}, served(**changes))) == most


def test_several_prompts_and_vectors_are_held_as_what_they_are() -> None:
    assert most_tokens(_applicant({"input": ["a", "b"]}, operation="embedding")) == 100
    assert most_tokens(_applicant({"prompt": ["a", "b", "c"], "max_tokens": 20}, operation="completion")) == 160


def test_a_call_is_limited_by_its_model_its_key_and_its_team() -> None:
    limits = [Limits(requests=number) for number in (1, 2, 3)]
    found = limited_by(document(teams={"team-a": limits[2]}), key(limits=limits[1]), model(), served(limits=limits[0]))
    assert {each.scope: each.limits for each in found} == {
        Scope(Kind.MODEL, "team-a/chat"): limits[0],
        Scope(Kind.KEY, "team-a/app"): limits[1],
        Scope(Kind.TEAM, "team-a"): limits[2],
    }


def test_without_keys_only_the_model_limits() -> None:
    assert [each.scope.kind for each in limited_by(document(), None, model(), served())] == [Kind.MODEL]


class Desk:
    def __init__(self) -> None:
        self.now = 0
        self.holds = MemoryHolds()
        self.metrics = Metrics(lambda: None)
        room = WaitingRoom(self.holds, lambda: self.now, 0)
        self.admission = Admission(room, lambda: self.now, self.metrics)

    def taken(self, own: Key, tokens: int = 10) -> None:
        """One call of this key that still runs."""
        self.holds.hold(
            Ask(f"before-{own.limits}", tokens, (Limited(Scope(Kind.KEY, own.full_name), own.limits),), NANO), 0
        )

    def refused(self, applicant: Applicant, routes: Document | None = None) -> ApiError:
        async def enter() -> None:
            await self.admission.admit(routes or document(), applicant)

        with pytest.raises(ApiError) as caught:
            asyncio.run(enter())
        return caught.value

    def rejected(self, **labels: str) -> float:
        return sum_of(self.metrics.exposition()[1].decode(), "plimsoll_rejected_total", labels)


def _of(own: Key, **fields: Any) -> Applicant:
    return _applicant({"messages": MESSAGES, "max_tokens": 10, **fields}, own=own)


def test_a_refusal_names_whom_the_limit_is_for_and_when_there_is_room() -> None:
    desk, own = Desk(), key(limits=Limits(requests=1, window_seconds=60))
    desk.taken(own)
    desk.now = 20 * NANO
    error = desk.refused(_of(own))
    assert (error.status, error.code, error.retry_after) == (429, "rate_limit_exceeded", 40)
    assert error.message == "the limit of key team-a/app is reached: 1 requests in 60 s; try again in 40 s"
    assert desk.rejected(team="team-a", reason="requests") == 1


def test_a_limit_of_running_calls_says_to_try_again_soon() -> None:
    desk, own = Desk(), key(limits=Limits(concurrency=1))
    desk.taken(own)
    error = desk.refused(_of(own))
    assert (error.status, error.retry_after) == (429, 1)
    assert "1 requests at the same time" in error.message


def test_a_full_line_is_told_as_one() -> None:
    desk, own = Desk(), key(limits=Limits(concurrency=1, when_full="wait", queue=0))
    desk.taken(own)
    assert desk.refused(_of(own)).code == "queue_full"
    assert desk.rejected(reason="queue") == 1


def test_what_can_never_be_let_in_is_told_so_without_a_time_to_come_again() -> None:
    own = key(limits=Limits(tokens=90, when_full="wait", queue=5))
    error = Desk().refused(_of(own), document(gateways=2))
    assert (error.status, error.code, error.retry_after) == (429, "over_limit", None)
    assert "may take 110" in error.message
    assert "key team-a/app may have 90 tokens in 60 s, 45 of it at each gateway" in error.message


def test_headers_tell_the_tightest_of_several_limits() -> None:
    holds = MemoryHolds(gateways=2)
    limited = [
        Limited(Scope(Kind.KEY, "a"), Limits(requests=10, concurrency=4)),
        Limited(Scope(Kind.TEAM, "b"), Limits(requests=6)),
    ]
    granted = holds.hold(Ask("1", 5, tuple(limited), NANO), 0)
    assert isinstance(granted, Granted)
    assert dict(left_headers(granted.left)) == {
        b"x-ratelimit-limit-requests": b"6",
        b"x-ratelimit-remaining-requests": b"2",
        b"x-ratelimit-limit-concurrency": b"4",
        b"x-ratelimit-remaining-concurrency": b"1",
    }
