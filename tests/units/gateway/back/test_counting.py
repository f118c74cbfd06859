"""What an attempt took, by whoever knows it best."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from plimsoll.cost.record import CountSource, Operation, Tokens
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.call import Call
from plimsoll.gateway.counting import NOTHING, Count, of_last_word, of_stream, of_whole
from plimsoll.gateway.events import Seen
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import request_of
from tests.support.routing_documents import key, model, served


def call(backend: str = "llamacpp", operation: Operation = "chat", context: int | None = 4096, **fields: Any) -> Call:
    subject: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "user", "content": "Ahoy"}]},
        "embedding": {"input": "Ahoy"},
    }
    subject["completion"] = {"prompt": ["Ahoy", "Ship"]}
    state = served(backend=backend, context=context)
    nobody = cast(Any, None)
    return Call(
        id="req_1",
        arrived=0.0,
        request=request_of(operation, read(orjson.dumps({"model": "chat", **subject[operation], **fields}))),
        key=key(),
        model=model(state=state),
        served=state,
        dialect=BACKENDS[backend],
        body=b"x" * 400,
        hold=nobody,
        responder=nobody,
        stopped=nobody,
        release=lambda: None,
    )


def usage(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **more}


@pytest.mark.parametrize(("backend", "source"), [("llamacpp", "engine"), ("vllm", "engine"), ("openai", "provider")])
def test_the_last_word_is_that_of_the_backend(backend: str, source: str) -> None:
    seen = Seen(any=True, texts=5, finishes=1, done=True, usage=usage(11, 6))
    expected = Count(Tokens(input_text=11, output_text=6), CountSource(source))
    assert of_stream(seen, call(backend), 400) == expected


def test_an_explicit_zero_is_not_replaced_by_an_estimate() -> None:
    seen = Seen(any=True, finishes=1, done=True, usage=usage(0, 0))
    assert of_stream(seen, call(), 400) == Count(Tokens(), CountSource.ENGINE)


def test_a_stream_that_was_cut_has_as_many_tokens_as_texts_came() -> None:
    count = of_stream(Seen(any=True, texts=5), call(), 400)
    assert count == Count(Tokens(input_text=100, output_text=5), CountSource.COUNTED)


def test_a_stream_that_ended_without_usage_is_told() -> None:
    assert of_stream(Seen(any=True, texts=5, finishes=1, done=True), call(), 400).mismatch == "no usage"


def test_before_the_first_event_nothing_was_taken() -> None:
    assert of_stream(Seen(), call(), 400) is NOTHING


def test_of_several_answers_each_tells_its_own_and_each_prompt_is_read_once() -> None:
    running = {0: usage(11, 3), 1: usage(11, 4), 2: usage(7, 5), 3: usage(7, 6)}
    cut = call("vllm", "completion", n=2)
    expected = Count(Tokens(input_text=18, output_text=18), CountSource.ENGINE)
    assert of_stream(Seen(any=True, texts=18, running=running), cut, 400) == expected


def test_of_several_answers_the_first_says_how_much_of_the_prompt_was_cached() -> None:
    # The others find all of it where the first has put it, whoever of them speaks first.
    running = {1: usage(11, 4, prompt_tokens_details={"cached_tokens": 10}), 0: usage(11, 3)}
    expected = Count(Tokens(input_text=11, output_text=7), CountSource.ENGINE)
    assert of_stream(Seen(any=True, texts=7, running=running), call(n=2), 400) == expected


def test_an_answer_without_usage_is_estimated_and_told() -> None:
    count = of_whole(None, call(), 80)
    assert count == Count(Tokens(input_text=100, output_text=20), CountSource.ESTIMATED, "no usage")


def test_embeddings_are_estimated_without_an_answer() -> None:
    assert of_whole({}, call(operation="embedding"), 80_000).tokens == Tokens(input_text=100)


def test_no_estimate_is_more_than_the_context() -> None:
    assert of_whole(None, call(context=50), 80_000).tokens == Tokens(input_text=50, output_text=50)
    assert of_whole(None, call("openai", context=None), 8_000).tokens.output_text == 2000


def test_what_a_cut_answer_took_is_the_word_of_its_backend_and_its_prompt_by_size_where_it_has_none() -> None:
    told = b'{"error":{"code":"cancelled"},"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
    assert of_last_word(told, call()) == Count(Tokens(input_text=7, output_text=3), CountSource.ENGINE)
    for other in (b"", b"<html>", b'{"usage":null}', b"\xff"):
        assert of_last_word(other, call()) == Count(Tokens(input_text=100), CountSource.ESTIMATED)
