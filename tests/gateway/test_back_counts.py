"""Calls reach a backend that counts, and what the client gets, what is recorded and what was counted there agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import orjson
import pytest

from plimsoll.cost.record import CountSource, Operation, Outcome, Tokens
from plimsoll.gateway.settings import OnRecordsFailure
from plimsoll.routing.document import Provider, Served
from plimsoll.routing.entry import Secret
from tests.support.carried import Back, Carried, Paper, back
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script
from tests.support.counting_upstream.shapes import SHAPES
from tests.support.gateways import hosted

TEXT = "".join(WORDS)


@pytest.fixture(scope="module", params=SHAPES)
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream(request.param, tmp_path_factory.mktemp("upstream")) as found:
        yield found


def served_by(upstream: CountingUpstream, shape: str, **changes: Any) -> Served:
    if shape == "openai":
        changes.setdefault("upstream", Provider(base_url=upstream.base, credential=Secret("sk-owner")))
        changes.setdefault("on_disconnect", "drain")
    return hosted(upstream, backend=shape, **changes)


@pytest.fixture
def served(upstream: CountingUpstream, request: pytest.FixtureRequest) -> Served:
    return served_by(upstream, request.node.callspec.params["upstream"])


def run(do: Callable[[Back], Awaitable[Carried]], **changes: Any) -> Carried:
    async def inside() -> Carried:
        async with back(**changes) as made:
            return await do(made)

    return asyncio.run(inside())


def told(upstream: CountingUpstream, case: str) -> tuple[int, int]:
    counts = upstream.total(case)
    return counts.prompt, counts.completion


def test_an_answer_in_one_piece_is_counted_as_the_backend_counts(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(cached_tokens=4, reasoning=2), case="whole")
    carried = run(lambda made: made.ask(served, "whole"))
    assert carried.error is None
    assert carried.answer.status == 200
    assert orjson.loads(carried.answer.body)["choices"][0]["message"]["content"] == TEXT
    record = carried.record
    assert (record.tokens.prompt, record.tokens.completion) == told(upstream, "whole")
    assert (record.outcome, record.status, record.streamed, record.attempt) == (Outcome.OK, 200, False, 1)
    assert record.source in (CountSource.ENGINE, CountSource.PROVIDER)
    assert carried.hold.settled[0] == record.tokens.total
    assert carried.answer.recorded == 1
    assert f"input_cached={record.tokens.input_cached}".encode() in carried.answer.headers[b"x-plimsoll-tokens"]


@pytest.mark.parametrize("script", [Script(), Script(slices=3), Script(crlf=True, comments=True)])
def test_a_stream_is_the_one_that_the_backend_sent(upstream: CountingUpstream, served: Served, script: Script) -> None:
    upstream.script(script, case="stream")
    before = told(upstream, "stream")
    carried = run(lambda made: made.ask(served, "stream", stream=True))
    assert carried.answer.body.replace(b"\r\n", b"\n").endswith(b"data: [DONE]\n\n")
    assert b'"usage":{' not in carried.answer.body
    assert b"still here" not in carried.answer.body
    after = told(upstream, "stream")
    record = carried.record
    assert (record.tokens.prompt, record.tokens.completion) == (after[0] - before[0], after[1] - before[1])
    assert record.first_token_seconds is not None
    assert (record.outcome, record.streamed) == (Outcome.OK, True)
    assert carried.answer.recorded == 1


def test_who_asks_for_usage_gets_it_at_the_end_and_only_there(upstream: CountingUpstream, served: Served) -> None:
    carried = run(lambda made: made.ask(served, "", stream=True, stream_options={"include_usage": True}))
    *others, usage, done = carried.answer.events
    assert done == "[DONE]"
    assert usage["usage"]["total_tokens"] == carried.record.tokens.total
    assert all(each.get("usage") is None for each in others)
    assert carried.answer.text == TEXT


def test_the_backend_gets_what_it_should_and_nothing_else(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(), case="headers")
    run(lambda made: made.ask(served, "headers"))
    (seen,) = upstream.requests("headers")
    sent = {name for name, _ in seen.begun.headers}
    assert sent <= {
        "host", "content-type", "accept", "accept-encoding", "user-agent", "content-length",
        "x-request-id", "x-client-request-id", "x-plimsoll-last-word", "authorization",
    }  # fmt: skip
    assert seen.header("authorization") == ("Bearer sk-owner" if isinstance(served.upstream, Provider) else None)


def test_embeddings_have_no_completion(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(), case="embed")
    carried = run(lambda made: made.ask(served, "embed", "embedding"))
    assert carried.record.tokens == Tokens(input_text=told(upstream, "embed")[0])


@pytest.mark.parametrize("words", range(1, len(WORDS)))
def test_g08_who_leaves_is_counted_to_the_last_word_that_was_sent(
    upstream: CountingUpstream, served: Served, words: int
) -> None:
    case = f"left-{words}"
    drains = served.on_disconnect == "drain"
    upstream.script(Script(holds={words: case}), case=case)
    then = partial(upstream.let, case) if drains else lambda: None
    carried = run(lambda made: made.leave(made.made(served, case, stream=True), words, then))
    (seen,) = upstream.wait_ended(case)
    record = carried.record
    assert record.outcome is Outcome.CANCELLED
    assert record.tokens.completion == seen.counts.completion
    assert seen.how == ("whole" if drains else "gone")
    assert carried.hold.settled[0] == record.tokens.total
    if record.backend != "openai" and words:
        assert record.tokens.prompt == seen.counts.prompt
    if record.backend == "openai":
        assert record.source is CountSource.PROVIDER


def test_g07_who_leaves_before_anything_came_stops_its_backend(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(holds={HEAD: "early"}), case="early")
    cancelling = served_by(upstream, served.backend, on_disconnect="cancel")

    async def leave(made: Back) -> Carried:
        carried = made.made(cancelling, "early", stream=True)
        task = asyncio.create_task(made.carry(carried))
        await asyncio.to_thread(upstream.wait_held, "early")
        carried.call.stopped.set_result(Outcome.CANCELLED)
        return await task

    carried = run(leave)
    (seen,) = upstream.wait_ended("early")
    assert seen.how == "gone"
    assert (carried.record.outcome, carried.record.tokens, carried.record.source) == (
        Outcome.CANCELLED, Tokens(), CountSource.NONE,
    )  # fmt: skip
    assert not carried.answer.started


@pytest.mark.parametrize("operation", ["chat", "embedding"])
def test_who_cuts_an_answer_in_one_piece_has_used_its_prompt(
    upstream: CountingUpstream, served: Served, operation: Operation
) -> None:
    case = f"cut-{operation}"
    upstream.script(Script(holds={HEAD: case}), case=case)
    cancelling = served_by(upstream, served.backend, on_disconnect="cancel")

    async def leave(made: Back) -> Carried:
        carried = made.made(cancelling, case, operation)
        task = asyncio.create_task(made.carry(carried))
        await asyncio.to_thread(upstream.wait_held, case)
        carried.call.stopped.set_result(Outcome.CANCELLED)
        return await task

    carried = run(leave)
    (seen,) = upstream.wait_ended(case)
    assert seen.how == "gone"
    # Our engine would have said what it took.
    prompt = 0 if served.backend == "llamacpp" else -(-len(seen.begun.body) // 4)
    source = CountSource.ESTIMATED if prompt else CountSource.NONE
    record = carried.record
    assert (record.outcome, record.tokens, record.source) == (Outcome.CANCELLED, Tokens(input_text=prompt), source)
    assert carried.hold.settled[0] == prompt


def test_a_gateway_that_ends_says_so_in_the_stream(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(holds={3: "drained"}), case="drained")

    async def drain(made: Back) -> Carried:
        carried = made.made(served, "drained", stream=True)
        task = asyncio.create_task(made.carry(carried))
        await asyncio.to_thread(upstream.wait_held, "drained")
        carried.call.stopped.set_result(Outcome.DRAINED)
        return await task

    carried = run(drain)
    assert carried.answer.events[-1]["error"]["code"] == "draining"
    assert carried.record.outcome is Outcome.DRAINED
    assert carried.record.tokens.completion == 3
    assert carried.call.error == "draining"


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_is_called_while_nothing_can_be_recorded(
    upstream: CountingUpstream, served: Served, stream: bool
) -> None:
    case = f"full-{stream}"
    carried = run(lambda made: made.ask(served, case, stream=stream), paper=Paper(full=True))
    assert carried.error is not None
    assert (carried.error.code, carried.error.status) == ("records_unwritable", 503)
    assert not upstream.requests(case)


def test_an_owner_may_choose_to_be_served_without_records(upstream: CountingUpstream, served: Served) -> None:
    paper = Paper(full=True, torn=True)
    carried = run(lambda made: made.ask(served, ""), paper=paper, on_failure=OnRecordsFailure.SERVE)
    assert carried.answer.status == 200
    assert not paper.records


def test_an_answer_whose_record_is_lost_is_no_answer(upstream: CountingUpstream, served: Served) -> None:
    carried = run(lambda made: made.ask(served, ""), paper=Paper(torn=True))
    assert carried.error is not None
    assert carried.error.code == "records_unwritable"
    assert not carried.answer.started
    assert carried.hold.settled[0] > 0
    streamed = run(lambda made: made.ask(served, "", stream=True), paper=Paper(torn=True))
    assert streamed.answer.events[-1]["error"]["code"] == "records_unwritable"
    assert b"[DONE]" not in streamed.answer.body


def test_g02_a_client_who_does_not_read_stops_its_backend(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(words=("x" * 100_000,) * 200), case="slow")

    async def stall(made: Back) -> Carried:
        carried = made.made(served, "slow", stream=True)
        carried.answer.reads.clear()
        task = asyncio.create_task(made.carry(carried))
        last = -1
        # Only when it has begun, and says no more for a while.
        while not (now := upstream.total("slow").completion) or now != last:
            last = now
            await asyncio.sleep(0.3)
        assert 0 < now < 150
        carried.answer.reads.set()
        return await task

    carried = run(stall)
    assert carried.record.tokens.completion == upstream.total("slow").completion
    assert carried.answer.body.endswith(b"[DONE]\n\n")
