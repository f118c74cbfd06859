"""The bounds of a connection, on a transport that only listens."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from plimsoll.runtime.http.connection import DEAF_MILLISECONDS, Connection
from plimsoll.runtime.http.exchange import ABORT, HALF_CLOSED

GET = b"GET / HTTP/1.1\r\n\r\n"
Scopes = list[Any]


class Listening(asyncio.Transport):
    def __init__(self, raw: socket.socket) -> None:
        super().__init__({"socket": raw, "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""


def met(*data: bytes, then: Callable[[Listening, Scopes], None] = lambda _transport, _scopes: None) -> Listening:
    """What a connection does with these bytes."""

    async def story() -> Listening:
        scopes: Scopes = []

        async def application(scope: Any, _receive: Any, _send: Any) -> None:
            scopes.append(scope)
            await asyncio.sleep(0)

        config = uvicorn.Config(application, lifespan="off", log_config=None, http=Connection)
        config.load()
        with socket.socket() as raw:
            transport = Listening(raw)
            connection = Connection(config, ServerState(), {}, asyncio.get_running_loop())
            connection.connection_made(transport)
            for each in data:
                if transport.closed:
                    break
                connection.data_received(each)
            await asyncio.sleep(0)
            then(transport, scopes)
            connection._unset_keepalive_if_required()
        return transport

    return asyncio.run(story())


def test_a_peer_that_never_reads_is_lost_after_a_while() -> None:
    def look(transport: Listening, _scopes: Scopes) -> None:
        raw = transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == DEAF_MILLISECONDS

    met(then=look)


def test_an_application_can_drop_its_connection() -> None:
    def drop(transport: Listening, scopes: Scopes) -> None:
        assert not transport.aborted
        scopes[0]["extensions"][ABORT]()
        assert transport.aborted

    met(b"GET / HTTP/1.1\r\n\r\n", then=drop)


@pytest.mark.parametrize("pieces", [1, 700])
def test_a_head_that_never_ends_is_refused(pieces: int) -> None:
    head = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 90) for number in range(700))
    step = -(-len(head) // pieces)
    parts = [head[at : at + step] for at in range(0, len(head), step)]
    transport = met(b"GET / HTTP/1.1\r\n", *parts)
    assert transport.closed
    assert json.loads(transport.written.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_http"


def test_each_request_of_a_connection_has_the_whole_head_to_itself() -> None:
    request = b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n"
    assert b" 400 " not in met(request, request).written


def test_who_says_nothing_more_stays_until_somebody_has_had_the_last_word() -> None:
    async def story() -> None:
        told: list[str] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            scope["extensions"][HALF_CLOSED](lambda: told.append("half closed"))
            await go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await send({"type": "http.response.body", "body": b"last"})

        go_on = asyncio.Event()
        config = uvicorn.Config(application, lifespan="off", log_config=None, http=Connection)
        config.load()
        with socket.socket() as raw:
            transport = Listening(raw)
            connection = Connection(config, ServerState(), {}, asyncio.get_running_loop())
            connection.connection_made(transport)
            assert connection.eof_received() is False
            connection.data_received(GET)
            await asyncio.sleep(0)
            assert connection.eof_received() is True
            assert (told, transport.closed) == (["half closed"], False)
            go_on.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert transport.closed
            assert transport.written.endswith(b"last")
            connection._unset_keepalive_if_required()

    asyncio.run(story())


def test_who_has_asked_for_more_and_says_nothing_more_is_gone() -> None:
    async def story() -> None:
        async def application(scope: Any, _receive: Any, _send: Any) -> None:
            scope["extensions"][HALF_CLOSED](lambda: None)
            await asyncio.get_running_loop().create_future()

        config = uvicorn.Config(application, lifespan="off", log_config=None, http=Connection)
        config.load()
        with socket.socket() as raw:
            connection = Connection(config, ServerState(), {}, asyncio.get_running_loop())
            connection.connection_made(Listening(raw))
            connection.data_received(GET + GET)
            await asyncio.sleep(0)
            assert connection.eof_received() is False
            connection._unset_keepalive_if_required()

    asyncio.run(story())


def test_who_has_been_answered_and_says_nothing_more_is_gone() -> None:
    async def story() -> None:
        async def application(scope: Any, _receive: Any, send: Any) -> None:
            scope["extensions"][HALF_CLOSED](lambda: pytest.fail("it has its answer"))
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

        config = uvicorn.Config(application, lifespan="off", log_config=None, http=Connection)
        config.load()
        with socket.socket() as raw:
            connection = Connection(config, ServerState(), {}, asyncio.get_running_loop())
            connection.connection_made(Listening(raw))
            connection.data_received(GET)
            await asyncio.sleep(0)
            assert connection.eof_received() is False
            connection._unset_keepalive_if_required()

    asyncio.run(story())
