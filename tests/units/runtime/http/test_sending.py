"""Bodies on their way: they take nobody's seat, and all of them together have a bound."""

import asyncio

import pytest

from plimsoll.runtime.http.errors import ApiError
from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.intake import Intake
from plimsoll.runtime.http.state import Phase
from tests.support.played_engine import Call, House, embedding_house, silent

SMALL = 64 << 10
PATHS = ["/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/tokenize"]


def house_of(path: str) -> House:
    return embedding_house() if path == "/v1/embeddings" else House()


@pytest.mark.parametrize("path", PATHS)
def test_who_still_sends_has_no_seat(path: str) -> None:
    async def story() -> None:
        house = house_of(path)
        call = Call(house, path, b"{")
        call._incoming[0]["more_body"] = True
        await call.started()
        assert not call.task.done()
        assert house.engine.room.taken == 0
        call.leave()
        await call.task

    asyncio.run(story())


def test_in_a_full_room_nobody_has_to_send_a_body() -> None:
    async def story() -> None:
        house = House()
        house.engine.room.take(4)
        call = Call(house, PATHS[0], b"{")
        call._incoming.clear()
        await call.started()
        assert (call.task.done(), call.reply.status) == (True, 429)

    asyncio.run(story())


def test_whose_body_has_come_has_a_seat() -> None:
    async def story() -> None:
        house = House(silent)
        call = Call(house, PATHS[0], {"prompt": "Hi"})
        await call.started()
        assert house.engine.room.taken == 1
        call.leave()
        await call.task

    asyncio.run(story())


@pytest.mark.parametrize("path", PATHS)
def test_who_finds_the_room_full_when_his_body_has_come_is_told_so(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house = house_of(path)

    async def body(_exchange: Exchange, _intake: Intake) -> bytes:
        house.engine.room.take(4)
        return b"{}"

    monkeypatch.setattr(Exchange, "body", body)
    assert house.ask(path, b"{}").error["code"] == "waiting_room_full"
    assert house.engine.room.taken == 4


@pytest.mark.parametrize("path", PATHS)
def test_who_sends_until_the_engine_is_about_to_end_is_sent_elsewhere(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of(path)

    async def body(_exchange: Exchange, _intake: Intake) -> bytes:
        house.state.phase = Phase.DRAINING
        return b"{}"

    monkeypatch.setattr(Exchange, "body", body)
    reply = house.ask(path, b"{}")
    assert (reply.status, reply.headers["connection"]) == (503, "close")


def test_long_bodies_have_a_bound_together_until_they_have_come() -> None:
    intake = Intake(most=100)
    with intake.growing() as first, intake.growing() as second:
        first(SMALL + 60)
        second(SMALL + 40)
        with pytest.raises(ApiError) as refused:
            first(SMALL + 61)
    headers = dict(refused.value.headers)
    assert (refused.value.status, headers[b"connection"], headers[b"retry-after"]) == (429, b"close", b"5")
    with intake.growing() as third:
        third(SMALL + 50)
        third(SMALL + 100)


def test_a_short_body_is_taken_however_many_long_ones_come() -> None:
    house = House(intake=Intake(most=0))
    assert house.ask(PATHS[0], {"prompt": "Hi"}).status == 200
    reply = house.ask(PATHS[0], b" " * (SMALL + 1))
    assert (reply.status, reply.error["code"], reply.headers["connection"]) == (429, "too_much_coming", "close")
