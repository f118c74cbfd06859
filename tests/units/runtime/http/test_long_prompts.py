"""Texts that take long to become tokens: refused when they are certainly too long, and nobody else waits for them."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.played_engine import CONTEXT, ByteModel, Call, House, embedding_house

LONG = "x" * 5000
# Blanks may cost nothing.
PERHAPS = " " * 5000
ASKED = [
    ("/v1/completions", "prompt", {"prompt": LONG}),
    ("/v1/chat/completions", "messages", {"messages": [{"role": "user", "content": LONG}]}),
    ("/v1/embeddings", "input", {"input": LONG}),
    ("/tokenize", "prompt", {"prompt": LONG}),
    ("/tokenize", "messages", {"messages": [{"role": "user", "content": LONG}]}),
]


def never(*_: Any, **__: Any) -> NDArray[np.int32]:
    raise AssertionError("no tokens are needed to know that this is too long")


@pytest.mark.parametrize(("path", "param", "body"), ASKED)
def test_what_is_certainly_too_long_is_refused_with_both_numbers(
    path: str, param: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByteModel, "tokenize", never)
    house = embedding_house() if path == "/v1/embeddings" else House()
    reply = house.ask(path, body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "context_length_exceeded", param)
    assert "at least 500" in reply.error["message"]
    assert f"a context of {CONTEXT}" in reply.error["message"]
    assert house.engine.room.taken == 0


def test_what_may_fit_becomes_tokens_first() -> None:
    assert House().ask("/tokenize", {"prompt": PERHAPS}).json["count"] == 5001
    assert "has 5001 tokens" in House().ask("/v1/completions", {"prompt": PERHAPS}).error["message"]


def test_while_a_long_text_becomes_tokens_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, answered = threading.Event(), threading.Event()
    tokenize = ByteModel.tokenize

    def slowly(model: ByteModel, text: str, **how: bool) -> NDArray[np.int32]:
        if len(text) == len(PERHAPS):
            begun.set()
            assert answered.wait(10)
        return tokenize(model, text, **how)

    async def story() -> None:
        house = House()
        long = Call(house, "/tokenize", {"prompt": PERHAPS})
        await asyncio.to_thread(begun.wait, 10)
        other = await house.asking("/v1/completions", {"prompt": "Hi", "stream": True})
        assert other.events
        answered.set()
        await long.task
        assert long.reply.status == 200

    monkeypatch.setattr(ByteModel, "tokenize", slowly)
    asyncio.run(story())


def test_others_have_their_turn_between_the_texts_of_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    tokenize = ByteModel.tokenize

    def noted(model: ByteModel, text: str, **how: bool) -> NDArray[np.int32]:
        seen.append(text)
        return tokenize(model, text, **how)

    async def story() -> None:
        house = embedding_house()
        await asyncio.gather(
            house.asking("/v1/embeddings", {"input": ["many"] * 100}),
            house.asking("/v1/embeddings", {"input": "other"}),
        )

    monkeypatch.setattr(ByteModel, "tokenize", noted)
    asyncio.run(story())
    assert seen.index("other") < 10


def test_a_conversation_in_too_many_parts_is_refused_before_they_are_read() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "x"}] * 1000}
    reply = House().ask("/v1/chat/completions", {"messages": [message] * 9})
    assert (reply.status, reply.error["param"]) == (400, "messages")
    assert "at most 8192 parts and calls of tools in all, not 9000" in reply.error["message"]
