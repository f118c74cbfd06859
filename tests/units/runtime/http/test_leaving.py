"""Clients that go, do not read, or are cut off, and what the engine and its seats hear of it."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from plimsoll.runtime.http import answers, exchange
from plimsoll.runtime.http.exchange import Message
from plimsoll.runtime.requests import Delta, Finish, Usage
from tests.support.played_engine import Call, House, silent

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
