"""/v1/embeddings over an engine whose vectors are played."""

import asyncio
import base64

import numpy as np
import pytest

from plimsoll.runtime.requests import Delta, Finish, Usage
from tests.support.played_engine import CONTEXT, Call, House, embedding_house, silent

PATH = "/v1/embeddings"


def test_each_input_has_its_vector_and_all_are_counted() -> None:
    told = embedding_house().ask(PATH, {"input": ["a", "bc", "d"]}).json
    assert [(each["index"], each["embedding"]) for each in told["data"]] == [(at, [0.5] * 4) for at in range(3)]
    assert told["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


def test_vectors_as_text_are_little_endian_floats() -> None:
    told = embedding_house().ask(PATH, {"input": "a", "encoding_format": "base64"}).json
    assert np.frombuffer(base64.b64decode(told["data"][0]["embedding"]), "<f4").tolist() == [0.5] * 4


def test_token_ids_are_inputs_too() -> None:
    assert len(embedding_house().ask(PATH, {"input": [[5, 6], [7]]}).json["data"]) == 2


def test_an_input_may_fill_the_whole_context_and_no_more() -> None:
    assert embedding_house().ask(PATH, {"input": [5] * CONTEXT}).status == 200
    error = embedding_house().ask(PATH, {"input": [5] * (CONTEXT + 1)}).error
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input")


@pytest.mark.parametrize("body", [{"input": ""}, {"input": []}, {}, {"input": "a", "dimensions": 3}])
def test_what_cannot_be_is_refused(body: object) -> None:
    house = embedding_house()
    house.loaded.model.__dict__["adds_bos"] = False
    assert house.ask(PATH, body).status == 400


def test_text_is_not_made_in_this_mode() -> None:
    reply = embedding_house().ask("/v1/completions", {"prompt": "Hi"})
    assert (reply.status, "--mode=generate" in reply.error["message"]) == (400, True)
    reply = House().ask(PATH, {"input": "Hi"})
    assert (reply.status, "--mode=embed" in reply.error["message"]) == (400, True)


def test_many_inputs_take_no_more_seats_than_are_computed_at_once() -> None:
    house = embedding_house()
    house.engine.play = silent
    most = 0

    async def story() -> Call:
        nonlocal most
        call = Call(house, PATH, {"input": ["a"] * 7})
        done = 0
        while done < 7:
            await call.started()
            most = max(most, house.engine.room.taken)
            vector = np.ones(4, dtype=np.float32)
            house.engine.jobs[done].sink(Delta(finish=Finish.STOP, usage=Usage(2, 0, 0), embedding=vector))
            done += 1
        await call.task
        return call

    assert len(asyncio.run(story()).reply.json["data"]) == 7
    assert (most, house.engine.room.taken) == (2, 0)


def test_inputs_that_find_no_seat_wait_for_those_before_them() -> None:
    house = embedding_house()
    house.engine.room.take(3)  # of four
    assert len(house.ask(PATH, {"input": ["a"] * 5}).json["data"]) == 5
    house.engine.room.take(1)
    assert house.ask(PATH, {"input": ["a"]}).status == 429


def test_a_client_who_goes_leaves_no_seat_behind() -> None:
    house = embedding_house()
    house.engine.play = silent

    async def story() -> None:
        call = Call(house, PATH, {"input": ["a"] * 5})
        await call.started()
        call.leave()
        await call.task
        for job in house.engine.jobs:
            assert job.cancelled
            job.sink(Delta(finish=Finish.CANCELLED, usage=Usage(0, 0, 0)))

    asyncio.run(story())
    assert house.engine.room.taken == 0


def test_who_cuts_his_vectors_and_wants_to_know_hears_what_was_used() -> None:
    house = embedding_house()
    house.engine.play = silent

    async def story() -> Call:
        call = Call(house, PATH, {"input": ["a"] * 5}, headers={"x-plimsoll-last-word": "usage"})
        await call.started()
        first, second = house.engine.jobs
        vector = np.ones(4, dtype=np.float32)
        first.sink(Delta(finish=Finish.STOP, usage=Usage(2, 0, 0), embedding=vector))
        call.half_close()
        await call.started()
        assert not call.reply.status
        second.sink(Delta(finish=Finish.CANCELLED, usage=Usage(1, 0, 0)))
        await call.task
        return call

    reply = asyncio.run(story()).reply
    assert (reply.status, reply.json["usage"]["prompt_tokens"]) == (499, 3)
    assert (len(house.engine.jobs), house.engine.room.taken) == (2, 0)


def test_who_cuts_his_vectors_and_goes_waits_for_nothing() -> None:
    house = embedding_house()
    house.engine.play = silent

    async def story() -> Call:
        call = Call(house, PATH, {"input": ["a"]}, headers={"x-plimsoll-last-word": "usage"})
        await call.started()
        call.half_close()
        house.engine.jobs[0].sink(Delta(usage=Usage(1, 0, 0)))
        await call.started()
        call.leave()
        await call.task
        return call

    assert not asyncio.run(story()).reply.status
