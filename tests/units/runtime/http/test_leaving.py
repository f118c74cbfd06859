"""Clients that go, do not read, or are cut off, and what the engine and its seats hear of it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from plimsoll.runtime.http import answers, exchange
from plimsoll.runtime.http.exchange import Message
from plimsoll.runtime.requests import Delta, Finish, Usage
from tests.support.played_engine import Call, House, Reply, silent

PATH = "/v1/completions"


def played(story: Callable[[House], Coroutine[None, None, None]]) -> House:
    house = House(silent)
    asyncio.run(story(house))
    return house


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_who_goes_is_noticed_at_once_and_his_seat_is_free_when_the_engine_has_stopped(stream: bool) -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "stream": stream})
        await call.started()
        (job,) = house.engine.jobs
        job.sink(Delta("Hel", (1,)))
        await call.started()
        call.leave()
        await call.task
        assert job.cancelled
        assert house.engine.room.taken == 1
        job.sink(Delta(finish=Finish.CANCELLED, usage=Usage(3, 0, 1)))
        assert house.engine.room.taken == 0

    assert [answer.usage for answer in played(story).answered] == [Usage(3, 0, 1)]


def test_all_answers_of_a_request_stop_when_its_client_goes() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "n": 3, "stream": True})
        await call.started()
        call.leave()
        await call.task

    assert [job.cancelled for job in played(story).engine.jobs] == [True, True, True]


def _streaming(house: House, **options: bool) -> Call:
    return Call(house, PATH, {"prompt": "Hi", "stream": True, "stream_options": {"include_usage": True, **options}})


def _told(reply: Reply) -> list[Any]:
    """By a stream without [DONE]."""
    *events, rest = reply.body.decode().split("\n\n")
    assert not rest
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_who_says_nothing_more_and_wants_to_know_hears_what_was_used_in_the_end() -> None:
    async def story(house: House) -> None:
        call = _streaming(house, continuous_usage_stats=True)
        await call.started()
        (job,) = house.engine.jobs
        job.sink(Delta("Hel", (1,), usage=Usage(3, 2, 1)))
        await call.started()
        call.half_close()
        assert job.cancelled
        await call.started()
        assert not call.reply.complete
        job.sink(Delta(finish=Finish.CANCELLED, usage=Usage(3, 2, 2)))
        await call.task
        told = _told(call.reply)
        assert told[-1]["usage"]["completion_tokens"] == 2
        # It was cut, and does not say that it were whole.
        assert all(choice["finish_reason"] is None for event in told for choice in event["choices"])

    played(story)


def test_who_says_nothing_more_before_the_first_word_hears_how_much_was_read() -> None:
    async def story(house: House) -> None:
        call = _streaming(house, continuous_usage_stats=True)
        await call.started()
        call.half_close()
        house.engine.jobs[0].sink(Delta(finish=Finish.CANCELLED, usage=Usage(2, 0, 0)))
        await call.task
        assert call.reply.status == 200
        assert _told(call.reply)[-1]["usage"]["prompt_tokens"] == 2

    played(story)


def test_who_says_nothing_more_and_did_not_ask_is_gone() -> None:
    async def story(house: House) -> None:
        call = _streaming(house)
        await call.started()
        call.half_close()
        await call.task
        assert house.engine.jobs[0].cancelled
        assert not call.reply.complete

    played(story)


def test_one_of_several_answers_that_was_cut_is_enough_for_none_to_look_whole() -> None:
    async def story(house: House) -> None:
        options = {"include_usage": True, "continuous_usage_stats": True}
        call = Call(house, PATH, {"prompt": "Hi", "n": 2, "stream": True, "stream_options": options})
        await call.started()
        cut, whole = house.engine.jobs
        cut.sink(Delta("H", (1,), usage=Usage(3, 0, 1)))
        cut.sink(Delta("el", (2, 3)))
        call.half_close()
        cut.sink(Delta(finish=Finish.CANCELLED, usage=Usage(3, 0, 3)))
        whole.sink(Delta("Hello", (1,), finish=Finish.STOP, usage=Usage(3, 0, 1)))
        await call.task
        told = _told(call.reply)
        assert [event["usage"]["completion_tokens"] for event in told] == [1, 3, 3, 1, 1, 4]

    played(story)


ASKS = {"x-plimsoll-last-word": "usage"}


def test_who_cuts_a_whole_answer_and_wants_to_know_hears_what_was_used_and_no_answer() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "n": 2}, headers=ASKS)
        await call.started()
        cut, whole = house.engine.jobs
        whole.sink(Delta("Hello", (1,), finish=Finish.STOP, usage=Usage(3, 0, 1)))
        cut.sink(Delta("Hel", (1,)))
        await call.started()
        call.half_close()
        assert cut.cancelled
        await call.started()
        assert not call.reply.status
        cut.sink(Delta(finish=Finish.CANCELLED, usage=Usage(3, 2, 2)))
        await call.task
        assert (call.reply.status, call.reply.error["code"]) == (499, "cancelled")
        assert "choices" not in call.reply.json
        assert call.reply.json["usage"] == {
            "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6,
            "prompt_tokens_details": {"cached_tokens": 2},
        }  # fmt: skip

    played(story)


def test_a_whole_answer_that_was_complete_when_its_client_cut_it_is_told() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi"}, headers=ASKS)
        await call.started()
        call.half_close()
        house.engine.jobs[0].sink(Delta("Hello", (1,), finish=Finish.STOP, usage=Usage(3, 0, 1)))
        await call.task
        assert (call.reply.status, call.reply.json["choices"][0]["text"]) == (200, "Hello")

    played(story)


def test_who_cuts_a_whole_answer_and_did_not_ask_is_gone() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi"})
        await call.started()
        call.half_close()
        await call.task
        assert house.engine.jobs[0].cancelled
        assert not call.reply.status

    played(story)


def test_a_client_who_goes_before_his_request_is_complete_leaves_nothing() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, b"{")
        call._incoming.clear()
        call.leave()
        await call.task
        assert not call.reply.status

    assert played(story).engine.room.taken == 0


def test_who_sends_too_slowly_does_not_keep_his_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.001)

    async def story(house: House) -> None:
        call = Call(house, PATH, b"{")
        call._incoming[0]["more_body"] = True
        await call.task
        assert (call.reply.status, call.reply.headers["connection"]) == (408, "close")

    assert played(story).engine.room.taken == 0


def test_a_stream_that_fails_later_ends_with_an_error() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "stream": True})
        await call.started()
        (job,) = house.engine.jobs
        job.sink(Delta("Hel", (1,)))
        await call.started()
        job.sink(Delta(finish=Finish.FAILED, error="it broke", usage=Usage(3, 0, 1)))
        await call.task
        events = call.reply.events
        assert events[0]["choices"][0]["text"] == "Hel"
        assert events[-1]["error"]["message"] == "it broke"

    played(story)


def test_a_stream_that_the_end_of_the_engine_cuts_says_so() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "stream": True})
        await call.started()
        (job,) = house.engine.jobs
        job.sink(Delta("Hel", (1,)))
        await call.started()
        job.sink(Delta(finish=Finish.DRAINED, usage=Usage(3, 0, 1)))
        await call.task
        assert call.reply.events[-1]["error"]["code"] == "draining"

    played(story)


def test_one_answer_that_fails_ends_the_others_of_its_request() -> None:
    async def story(house: House) -> None:
        call = Call(house, PATH, {"prompt": "Hi", "n": 2})
        await call.started()
        house.engine.jobs[0].sink(Delta(finish=Finish.FAILED, usage=Usage(3, 0, 1)))
        await call.task
        assert (call.reply.status, house.engine.jobs[1].cancelled) == (500, True)

    played(story)


def test_who_does_not_read_is_dropped_when_too_much_waits_for_him(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_UNREAD", 1000)

    async def story(house: House) -> None:
        stuck = asyncio.Event()

        async def never(message: Message) -> None:
            if message["type"] == "http.response.body":
                await stuck.wait()

        call = Call(house, PATH, {"prompt": "Hi", "stream": True}, send=never)
        await call.started()
        (job,) = house.engine.jobs
        for number in range(5):
            job.sink(Delta("x" * 150, (number,)))
            await call.started()
        assert (house.aborted, job.cancelled) == (0, False)
        job.sink(Delta("x" * 150, (6,)))
        assert (house.aborted, job.cancelled) == (1, True)
        stuck.set()
        await call.task

    assert played(story).aborted == 1


def test_what_came_in_one_step_is_sent_in_one_piece() -> None:
    sent: list[bytes] = []

    async def story(house: House) -> None:
        async def note(message: Message) -> None:
            sent.append(message.get("body", b"start"))

        call = Call(house, PATH, {"prompt": "Hi", "n": 2, "stream": True}, send=note)
        await call.started()
        for job in house.engine.jobs:
            job.sink(Delta("a", (1,)))
        await call.started()
        for job in house.engine.jobs:
            job.sink(Delta(finish=Finish.STOP, usage=Usage(3, 0, 1)))
        await call.task

    played(story)
    assert [each.count(b"data: ") for each in sent] == [0, 2, 3]
