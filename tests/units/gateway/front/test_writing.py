"""One write holds the same bytes as the two steps of uvicorn, or nothing is written."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from plimsoll.gateway.call import Header
from plimsoll.gateway.exchange import Exchange
from plimsoll.gateway.protocol import CONNECTION, CYCLE
from plimsoll.gateway.writing import CLOSE, passed_on, written
from tests.support.front import Wire
from tests.support.front_house import House, in_house

_HEADERS: list[Header] = [(b"x-request-id", b"req_1"), (b"content-type", b"application/json")]
_DEFAULT = (b"date", b"Sun, 22 Nov 2026 11:00:00 GMT")


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def cycle_of(
    scope: Any, transport: Transport, flow: FlowControl, complete: Callable[[], None], *, keep_alive: bool = True
) -> RequestResponseCycle:
    return RequestResponseCycle(
        scope=scope,
        transport=transport,
        flow=flow,
        logger=logging.getLogger("a"),
        access_logger=logging.getLogger("b"),
        access_log=False,
        default_headers=[_DEFAULT],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=complete,
    )


class Stage:
    def __init__(self, method: str = "GET", *, keep_alive: bool = True) -> None:
        self.transport = Transport()
        self.completed = 0
        self.flow = FlowControl(self.transport)
        scope = {"type": "http", "method": method}
        self.cycle = cycle_of(scope, self.transport, self.flow, self._complete, keep_alive=keep_alive)

    def _complete(self) -> None:
        self.completed += 1

    @property
    def bytes(self) -> bytes:
        return b"".join(self.transport.sent)


def long_way(status: int, body: bytes) -> Stage:
    stage = Stage()
    headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]

    async def send() -> None:
        await stage.cycle.send({"type": "http.response.start", "status": status, "headers": headers})
        await stage.cycle.send({"type": "http.response.body", "body": body})

    asyncio.run(send())
    return stage


@pytest.mark.parametrize("body", [b"", b'{"a":1}', b"x" * 200_000], ids=["none", "short", "long"])
@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_the_bytes_are_those_of_uvicorn(status: int, body: bytes) -> None:
    stage, theirs = Stage(), long_way(status, body)
    assert written(stage.cycle, status, [*_HEADERS, (b"content-length", b"%d" % len(body))], body)
    assert stage.bytes == theirs.bytes
    assert (stage.completed, stage.cycle.response_complete) == (theirs.completed, theirs.cycle.response_complete)
    assert stage.cycle.message_event.is_set()


def test_nobody_is_asked_to_go_on_who_has_the_answer() -> None:
    stage = Stage()
    stage.cycle.waiting_for_100_continue = True
    assert written(stage.cycle, 413, _HEADERS, b"")
    answer = stage.bytes
    asyncio.run(stage.cycle.receive())
    assert stage.bytes == answer


def test_a_request_on_a_connection_is_answered_in_one_write() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await Exchange(scope, receive, send, "req_1").reply(200, b"{}")

    async def story(house: House) -> None:
        connection, transport = house.connect()
        for number in (1, 2):
            connection.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await house.pass_by(1)
            assert transport.written.count(b"\r\n\r\n{}") == number
            assert transport.writes == number

    in_house(story, application)


def in_chunks(stage: Stage) -> Stage:
    headers = [(b"content-type", b"text/event-stream")]
    asyncio.run(stage.cycle.send({"type": "http.response.start", "status": 200, "headers": headers}))
    stage.transport.sent.clear()
    return stage


@pytest.mark.parametrize("data", [b"data: {}\n\n", b"x" * 200_000])
def test_the_next_piece_of_an_answer_is_the_bytes_of_uvicorn(data: bytes) -> None:
    ours, theirs = in_chunks(Stage()), in_chunks(Stage())
    asyncio.run(theirs.cycle.send({"type": "http.response.body", "body": data, "more_body": True}))
    assert passed_on(ours.cycle, data)
    assert ours.transport.sent == theirs.transport.sent


@pytest.mark.parametrize("does", ["is gone", "does not read", "has it all", "wants no body", "is of the old kind"])
def test_a_piece_that_is_not_ordinary_is_left_to_uvicorn(does: str) -> None:
    stage = in_chunks(Stage("HEAD" if does == "wants no body" else "POST"))
    _hinder(stage, does)
    if does == "has it all":
        stage.cycle.response_complete = True
    if does == "is of the old kind":
        stage.cycle.chunked_encoding = False
    assert not passed_on(stage.cycle, b"data: {}\n\n")
    assert stage.bytes == b""


def stage_that(does: str) -> Stage:
    stage = Stage("HEAD" if does == "wants no body" else "GET", keep_alive=does != "ends its connection")
    _hinder(stage, does)
    if does == "has an answer":
        stage.cycle.response_started = True
    return stage


def _hinder(stage: Stage, does: str) -> None:
    if does == "is gone":
        stage.cycle.disconnected = True
    if does == "does not read":
        stage.flow.pause_writing()


@pytest.mark.parametrize("does", ["is gone", "does not read", "has an answer", "wants no body", "ends its connection"])
def test_what_is_not_ordinary_is_left_to_uvicorn(does: str) -> None:
    stage = stage_that(does)
    assert not written(stage.cycle, 200, _HEADERS, b"")
    assert (stage.bytes, stage.completed) == (b"", 0)


@pytest.mark.parametrize(
    "header", [CLOSE, (b"x-a", b"b\r\nx-c: d"), (b"x-a", b"b\nc"), (b"x-a", b"b\rc"), (b"x-a", b"\0")]
)
def test_a_header_that_means_more_than_itself_is_not_written(header: Header) -> None:
    stage = Stage()
    assert not written(stage.cycle, 200, [*_HEADERS, header], b"")
    assert stage.bytes == b""


async def nothing(*_: Any) -> Any: ...


def test_an_answer_that_was_given_is_gone_before_anybody_collects_it() -> None:
    async def answered() -> weakref.ref[RequestResponseCycle]:
        transport = Transport()
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "extensions": {CONNECTION: Wire()}}
        cycle = cycle_of(scope, transport, FlowControl(transport), lambda: None)
        scope["extensions"][CYCLE] = cycle  # type: ignore[index]
        await Exchange(scope, nothing, nothing, "req_1").reply(200, b"{}")
        assert transport.sent
        return weakref.ref(cycle)

    gc.disable()
    try:
        assert asyncio.run(answered())() is None
    finally:
        gc.enable()
