"""A stream that goes on step by step: what wakes its call, and that nothing is lost where it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.cost.record import Outcome
from plimsoll.gateway import heartbeat
from plimsoll.gateway.heartbeat import COMMENT
from plimsoll.routing.document import Served
from tests.support.carried import Back, Carried, back
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import WORDS, Script
from tests.support.gateways import hosted

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Ahoy"}}]}\n\n'
_SECONDS = 30.0


def run(do: Callable[[Back], Awaitable[Carried]]) -> Carried:
    async def inside() -> Carried:
        async with asyncio.timeout(_SECONDS), back() as made:
            return await do(made)

    return asyncio.run(inside())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - the test has a time
        await asyncio.sleep(0.005)


def _has(carried: Carried, words: int) -> bool:
    return len(carried.answer.words) == words


def test_words_go_on_without_waking_the_call(start_upstream: StartUpstream) -> None:
    upstream = start_upstream("vllm")
    upstream.script(Script(holds={each: f"word-{each}" for each in range(1, len(WORDS))}))

    async def word_by_word(made: Back) -> Carried:
        carried = made.made(hosted(upstream, backend="vllm"), "", stream=True)
        task = asyncio.create_task(made.carry(carried))
        for each in range(1, len(WORDS)):
            await until(partial(_has, carried, each))
            upstream.let(f"word-{each}")
        return await task

    answer = run(word_by_word).answer
    assert answer.words == list(WORDS)
    # All but the first, which may be an error, and those that come with the end.
    assert len(answer.passed) >= len(WORDS) - 2


def test_who_does_not_read_for_a_while_misses_nothing(start_upstream: StartUpstream) -> None:
    upstream = start_upstream("vllm")
    upstream.script(Script(holds={2: "not-read", 5: "read"}))

    async def pause(made: Back) -> Carried:
        carried = made.made(hosted(upstream, backend="vllm"), "", stream=True)
        answer = carried.answer
        task = asyncio.create_task(made.carry(carried))
        await until(lambda: len(answer.words) == 2)
        answer.reads.clear()
        upstream.let("not-read")
        await until(lambda: answer.waits)
        answer.reads.set()
        await until(lambda: len(answer.words) == 5)
        upstream.let("read")
        return await task

    carried = run(pause)
    assert carried.answer.words == list(WORDS)


def test_its_last_event_ends_it_whatever_the_backend_does_then() -> None:
    """Not the time that a backend may be silent for."""
    said = run(lambda made: _kept_open(made, b"data: [DONE]\n\n"))
    assert said.record.outcome is Outcome.OK
    assert said.answer.body.endswith(b"data: [DONE]\n\n")


def test_an_error_ends_it_whatever_the_backend_does_then() -> None:
    said = run(lambda made: _kept_open(made, b'data: {"error":{"message":"no","type":"server_error"}}\n\n'))
    assert said.record.outcome is Outcome.UPSTREAM_ERROR
    assert "error" in said.answer.events[-1]


async def _kept_open(made: Back, last: bytes) -> Carried:
    """A backend that says its last event when the first has gone on, and then neither ends nor closes."""
    go_on, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD + _chunk(_WORD))
        await go_on.wait()
        writer.write(_chunk(last))
        await closed.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        upstream: Any = SimpleNamespace(address=f"{host}:{port}")
        served: Served = hosted(upstream, backend="vllm")
        carried = made.made(served, "", stream=True)
        task = asyncio.create_task(made.carry(carried))
        await until(lambda: carried.answer.words)
        go_on.set()
        await until(lambda: carried.answer.finished)
        closed.set()
        return await task


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_stream_that_goes_on_needs_no_sign_of_life(
    start_upstream: StartUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_EACH_SECONDS", 1.0)
    upstream = start_upstream("vllm")
    words = ("ahoy ",) * 60
    upstream.script(Script(words=words, pace=0.05))
    carried = run(lambda made: made.ask(hosted(upstream, backend="vllm"), stream=True))
    assert carried.answer.words == list(words)
    assert COMMENT not in carried.answer.body
