"""Requests that no slot was free for in time: what they hear, and what they leave."""

import pytest

from plimsoll.runtime.requests import Delta, Finish, Job, Usage
from tests.support.played_engine import House, embedding_house

PATH = "/v1/completions"


def expires(job: Job) -> None:
    job.sink(Delta(finish=Finish.EXPIRED, usage=Usage(0, 0, 0), retry_after=7))


@pytest.mark.parametrize("stream", [False, True])
def test_who_has_waited_too_long_is_told_when_to_come_again(stream: bool) -> None:
    house = House(expires)
    reply = house.ask(PATH, {"prompt": "Hi", "stream": stream})
    assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (429, "queue_timeout", "7")
    assert house.engine.room.taken == 0
    assert [answer.usage for answer in house.answered] == [Usage(0, 0, 0)]


def test_only_the_first_answer_of_a_request_waits_with_an_end() -> None:
    house = House()
    house.ask(PATH, {"prompt": ["Hi", "Ho"], "n": 2})
    assert [job.patience for job in house.engine.jobs] == [60.0, None, None, None]


def test_only_the_first_vector_of_a_request_waits_with_an_end() -> None:
    house = embedding_house()
    house.ask("/v1/embeddings", {"input": ["Hi", "Ho", "Ha"]})
    assert [job.patience for job in house.engine.jobs] == [60.0, None, None]
