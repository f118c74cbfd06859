"""The deadlines and bounds of a connection, on a transport that only listens and a clock that leaps."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import pytest

from plimsoll.gateway.protocol import CONNECTION, CYCLE, LONGEST_HEAD, Cut
from tests.support.front_house import House, Listening, in_house

GET = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"


def test_a_client_that_says_nothing_is_let_go_at_the_deadline_of_the_head() -> None:
    async def story(house: House) -> None:
        _, transport = house.connect()
        await house.pass_by(9)
        assert not transport.is_closing()
        await house.pass_by(2)
        assert transport.is_closing()
        assert house.cuts == {Cut.HEAD: 1}

    in_house(story)


def test_a_head_that_comes_byte_by_byte_puts_no_deadline_off() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        for byte in GET[:9]:
            connection.data_received(bytes([byte]))
            await house.pass_by(1)
        assert not transport.is_closing()
        connection.data_received(GET[9:10])
        await house.pass_by(1.5)
        assert transport.is_closing()

    in_house(story)


def test_line_ends_between_requests_are_no_sign_of_life() -> None:
    async def story(house: House) -> None:
        house.go_on.set()
        connection, transport = house.connect()
        connection.data_received(GET)
        await house.pass_by(20)
        assert b"200 OK" in transport.written
        for _ in range(10):
            connection.data_received(b"\r\n")
            await house.pass_by(1)
        await house.pass_by(1)
        assert transport.is_closing()

    in_house(story)


def test_between_requests_a_connection_may_stay_for_longer() -> None:
    async def story(house: House) -> None:
        house.go_on.set()
        connection, transport = house.connect()
        connection.data_received(GET)
        await house.pass_by(70)
        assert not transport.is_closing()
        await house.pass_by(10)
        assert transport.is_closing()
        assert not house.cuts

    in_house(story)


def test_a_body_whose_end_comes_after_the_answer_leaves_no_connection_without_a_deadline() -> None:
    async def story(house: House) -> None:
        house.go_on.set()
        connection, transport = house.connect()
        connection.data_received(POST + b"12345")
        await house.pass_by(1)
        assert b"200 OK" in transport.written
        connection.data_received(b"67890")
        await house.pass_by(70)
        assert not transport.is_closing()
        await house.pass_by(10)
        assert transport.is_closing()
        assert not house.cuts

    in_house(story)


def test_an_answer_in_front_of_the_end_of_a_body_gives_that_body_no_more_time() -> None:
    async def story(house: House) -> None:
        house.go_on.set()
        connection, transport = house.connect()
        connection.data_received(POST + b"12345")
        await house.pass_by(29)
        assert b"200 OK" in transport.written
        assert not transport.is_closing()
        await house.pass_by(2)
        assert transport.is_closing()

    in_house(story)


def test_requests_that_come_together_are_answered_one_after_the_other() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(GET + GET)
        await house.pass_by(1)
        assert (len(house.scopes), transport.held) == (1, True)
        house.go_on.set()
        await house.pass_by(1)
        assert (transport.written.count(b"200 OK"), transport.held) == (2, False)

    in_house(story)


def test_nothing_more_is_begun_on_a_connection_that_is_closed() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(GET + GET)
        await house.pass_by(1)
        transport.stuck = True
        transport.close()
        house.go_on.set()
        await house.pass_by(1)
        assert len(house.scopes) == 1

    in_house(story)


def test_a_body_that_does_not_come_is_told_to_whoever_waits_for_it() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(POST + b"12345")
        await house.pass_by(1)
        connection.data_received(b"6")
        await house.pass_by(28)
        before = connection.late
        await house.pass_by(2)
        assert (before, connection.late) == (False, True)
        assert not transport.is_closing()
        assert house.cuts == {Cut.BODY: 1}

    in_house(story)


def test_nobody_is_hurried_while_the_answer_is_made() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(POST + b"1234567890")
        await house.pass_by(300)
        assert not transport.is_closing()
        assert not connection.late
        house.go_on.set()
        await house.pass_by(1)
        assert b"200 OK" in transport.written

    in_house(story)


def test_a_client_that_does_not_read_is_cut_off_at_the_deadline_of_writing() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(GET)
        connection.pause_writing()
        await house.pass_by(19)
        connection.resume_writing()
        connection.pause_writing()
        await house.pass_by(19)
        assert not transport.was_aborted()
        await house.pass_by(2)
        assert transport.was_aborted()
        assert house.cuts == {Cut.WRITE: 1}

    in_house(story)


def test_a_connection_that_was_closed_and_is_not_read_empty_goes_all_the_same() -> None:
    async def story(house: House) -> None:
        _, transport = house.connect()
        transport.stuck = True
        transport.close()
        await house.pass_by(19)
        assert not transport.was_aborted()
        await house.pass_by(2)
        assert transport.was_aborted()

    in_house(story)


def test_whoever_goes_away_is_told_to_the_one_who_answers() -> None:
    async def story(house: House) -> None:
        connection, _ = house.connect()
        connection.data_received(GET)
        await house.pass_by(1)
        left: list[bool] = []
        wire = house.scopes[0]["extensions"][CONNECTION]
        assert wire is connection
        wire.left = lambda: left.append(True)
        connection.connection_lost(None)
        assert left == [True]

    in_house(story)


def test_who_has_had_its_answer_leaves_nobody_waiting() -> None:
    async def story(house: House) -> None:
        house.go_on.set()
        connection, _ = house.connect()
        connection.data_received(GET)
        connection.left = lambda: pytest.fail("it has its answer")
        await house.pass_by(1)
        connection.connection_lost(None)

    in_house(story)


def test_what_a_connection_was_goes_with_it_and_waits_for_no_collector() -> None:
    async def application(scope: Any, _receive: Any, send: Any) -> None:
        # As an Exchange does.
        del scope["extensions"][CYCLE]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(GET + GET)
        await house.pass_by(1)
        transport.ended = lambda: None
        connection.connection_lost(None)
        gone = weakref.ref(connection)
        gc.disable()
        try:
            del connection
            assert gone() is None
        finally:
            gc.enable()

    in_house(story, application)


def _told(transport: Listening) -> tuple[bytes, str]:
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert transport.is_closing()
    return head.split(b"\r\n")[0], json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    ("sent", "line", "code"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", b"HTTP/1.1 400 Bad Request", "invalid_http"),
        (
            b"GET / HTTP/1.1\r\nx: " + b"y" * LONGEST_HEAD,
            b"HTTP/1.1 431 Request Header Fields Too Large",
            "headers_too_large",
        ),
        (
            b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (LONGEST_HEAD // 5),
            b"HTTP/1.1 431 Request Header Fields Too Large",
            "headers_too_large",
        ),
        (GET * 20, b"HTTP/1.1 400 Bad Request", "invalid_http"),
    ],
    ids=["no HTTP", "one long header", "many headers", "twenty requests at once"],
)
def test_what_is_no_request_is_answered_in_the_shape_of_all_errors(sent: bytes, line: bytes, code: str) -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(sent)
        assert _told(transport) == (line, code)
        assert house.cuts == {Cut.MALFORMED: 1}

    in_house(story)


def test_a_header_without_an_end_is_not_collected() -> None:
    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(b"GET / HTTP/1.1\r\nx: ")
        connection.data_received(b"y" * (LONGEST_HEAD - 100))
        assert not transport.is_closing()
        connection.data_received(b"y" * 200)
        assert _told(transport)[1] == "headers_too_large"

    in_house(story)


def test_a_body_in_small_chunks_may_be_long_and_what_stands_around_it_may_not() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(head)
        for _ in range(100):
            connection.data_received(b"1\r\nx\r\n" * 1000)
        assert not transport.is_closing()
        connection.data_received(b"1;" + b"e" * (LONGEST_HEAD + 1))
        assert _told(transport)[1] == "headers_too_large"

    in_house(story)


def test_a_request_that_comes_in_one_piece_with_a_long_body_is_not_charged_for_it() -> None:
    long = b"x" * (2 * LONGEST_HEAD)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(long)

    async def story(house: House) -> None:
        connection, transport = house.connect()
        connection.data_received(head)
        connection.data_received(long + GET)
        assert not transport.is_closing()
        connection.data_received(GET[:-2] + b"x: " + b"y" * LONGEST_HEAD)
        assert _told(transport)[1] == "headers_too_large"

    in_house(story)


def test_whoever_comes_when_all_connections_are_taken_is_sent_away() -> None:
    async def story(house: House) -> None:
        for _ in range(2):
            house.connect()
        _, transport = house.connect()
        assert _told(transport) == (b"HTTP/1.1 503 Service Unavailable", "too_many_connections")
        assert house.cuts == {Cut.FULL: 1}

    in_house(story)
