"""Whatever goes wrong at a backend, the client gets the answer or an error that says so, and the records are right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from plimsoll.cost.record import CountSource, Outcome
from plimsoll.routing.document import Served, Timeouts
from tests.support.carried import Back, Carried, back
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script, Trouble
from tests.support.counting_upstream.shapes import SHAPES
from tests.support.gateways import hosted

TEXT = "".join(WORDS)
SHORT = Timeouts(connect=2.0, first_byte=0.3, idle=0.3, total=0.5)
Do = Callable[[Back], Awaitable[Carried]]


@pytest.fixture(scope="module", params=SHAPES)
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream(request.param, tmp_path_factory.mktemp("upstream")) as found:
        yield found


@pytest.fixture
def served(upstream: CountingUpstream, request: pytest.FixtureRequest) -> Served:
    return hosted(upstream, backend=request.node.callspec.params["upstream"], timeouts=SHORT)


def run(do: Do) -> Carried:
    async def inside() -> Carried:
        async with back() as made:
            return await do(made)

    return asyncio.run(inside())


IN_STREAMS = [each for each in Trouble if each is not Trouble.NOT_HTTP and each is not Trouble.NO_DONE]


@pytest.mark.parametrize("at", [1, 4, len(WORDS)])
@pytest.mark.parametrize("trouble", IN_STREAMS)
def test_g11_a_stream_that_breaks_ends_in_an_error_event_and_counts_what_was_said(
    upstream: CountingUpstream, served: Served, trouble: Trouble, at: int
) -> None:
    case = f"stream-{trouble}-{at}"
    upstream.script(Script(trouble=trouble, at=at), case=case)
    carried = run(lambda made: made.ask(served, case, stream=True))
    assert carried.answer.finished
    assert carried.answer.text == "".join(WORDS[:at])
    assert carried.answer.events[-1]["error"]["code"] in ("upstream_broken", "upstream_timeout")
    assert b"[DONE]" not in carried.answer.body
    (record,) = carried.records
    (seen,) = upstream.wait_ended(case)
    assert record.tokens.completion == at <= seen.counts.completion
    stalled = trouble in (Trouble.STALL, Trouble.HALF_CLOSE)
    assert record.outcome in ((Outcome.TIMEOUT, Outcome.UPSTREAM_ERROR) if stalled else (Outcome.UPSTREAM_ERROR,))
    assert len(upstream.requests(case)) == 1


def test_g15_an_answer_that_has_finished_is_whole_without_its_last_event(
    upstream: CountingUpstream, served: Served
) -> None:
    upstream.script(Script(trouble=Trouble.NO_DONE), case="no-done")
    carried = run(lambda made: made.ask(served, "no-done", stream=True))
    assert carried.answer.text == TEXT
    assert carried.answer.body.endswith(b"data: [DONE]\n\n")
    assert carried.record.outcome is Outcome.OK


@pytest.mark.parametrize("stream", [False, True])
def test_g15_who_tells_no_usage_is_counted_and_told_apart(
    upstream: CountingUpstream, served: Served, stream: bool
) -> None:
    upstream.script(Script(usage="never"), case="never")
    # Others are asked to tell it beside each word as well.
    strange = hosted(upstream, backend="openai-compatible")
    carried = run(lambda made: made.ask(strange, "never", stream=stream))
    assert carried.record.source is (CountSource.COUNTED if stream else CountSource.ESTIMATED)
    assert carried.record.tokens.prompt > 0
    assert carried.record.tokens.completion == len(WORDS) if stream else carried.record.tokens.completion > 0


@pytest.mark.parametrize("lie", [{"completion_tokens": -5}, {"completion_tokens": 1}, {"completion_tokens": "many"}])
def test_g15_a_usage_that_cannot_be_right_is_never_less_than_what_was_seen(
    upstream: CountingUpstream, served: Served, lie: dict[str, Any]
) -> None:
    case = f"lie-{lie['completion_tokens']}"
    upstream.script(Script(lie=lie), case=case)
    carried = run(lambda made: made.ask(served, case, stream=True))
    assert carried.record.tokens.output_text >= len(WORDS)


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.CLOSE, Trouble.STALL, Trouble.ERROR, Trouble.NOT_TEXT])
def test_an_answer_in_one_piece_that_breaks_is_an_error(
    upstream: CountingUpstream, served: Served, trouble: Trouble
) -> None:
    case = f"whole-{trouble}"
    upstream.script(Script(trouble=trouble), case=case)
    carried = run(lambda made: made.ask(served, case))
    assert carried.error is not None
    assert carried.error.status in (502, 504)
    assert not carried.answer.started
    assert all(each.outcome is not Outcome.OK for each in carried.records)
    assert len(carried.hold.settled) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", [
    Script(trouble=Trouble.RESET, at=HEAD),
    Script(trouble=Trouble.CLOSE, at=HEAD),
    Script(trouble=Trouble.NOT_HTTP, at=HEAD),
    *(Script(status=status) for status in (500, 502, 504)),
])  # fmt: skip
def test_g13_what_fails_before_its_first_byte_is_tried_again(
    upstream: CountingUpstream, served: Served, script: Script, stream: bool
) -> None:
    case = f"again-{script.status}-{script.trouble}-{stream}"
    upstream.script(script, Script(), case=case)
    carried = run(lambda made: made.ask(served, case, stream=stream))
    assert carried.error is None
    assert carried.answer.status == 200
    failed, right = carried.records
    assert (failed.attempt, failed.outcome, failed.source) == (1, Outcome.UPSTREAM_ERROR, CountSource.NONE)
    assert (right.attempt, right.outcome) == (2, Outcome.OK)
    assert carried.hold.settled[0] == right.tokens.total


def test_g14_an_error_as_the_first_event_is_tried_again(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(trouble=Trouble.ERROR, at=0), Script(), case="first-event")
    carried = run(lambda made: made.ask(served, "first-event", stream=True))
    assert carried.answer.text == TEXT
    # The connection of the first one may be found closed when it is used again.
    *failed, right = carried.records
    assert {each.outcome for each in failed} == {Outcome.UPSTREAM_ERROR}
    assert right.outcome is Outcome.OK


def test_a_stream_may_take_longer_than_its_first_event(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(pace=2 * SHORT.first_byte / len(WORDS)), case="long")
    carried = run(lambda made: made.ask(served, "long", stream=True))
    assert carried.answer.text == TEXT
    assert carried.record.seconds > SHORT.first_byte


def test_a_page_in_place_of_a_stream_is_an_error(upstream: CountingUpstream, served: Served) -> None:
    upstream.script(Script(body=b"<html>", content_type="text/html"), case="page")
    carried = run(lambda made: made.ask(served, "page", stream=True))
    assert carried.error is not None
    assert carried.error.code == "upstream_broken"


@pytest.mark.parametrize(("status", "told"), [(400, 400), (401, 502), (404, 502), (422, 422)])
def test_a_refusal_is_not_tried_again(upstream: CountingUpstream, served: Served, status: int, told: int) -> None:
    upstream.script(Script(status=status, message="no such thing"), case=f"refused-{status}")
    carried = run(lambda made: made.ask(served, f"refused-{status}"))
    assert carried.error is not None
    assert carried.error.status == told
    assert (carried.record.outcome, carried.record.status) == (Outcome.REFUSED_BY_UPSTREAM, status)
    assert ("no such thing" in carried.error.message) == (status in (400, 422))
