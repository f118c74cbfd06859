"""The way to backends: one session for all of them, and for each request the line that can end it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import ClientResponse, ClientSession, DummyCookieJar, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from plimsoll.cost.record import Outcome
from plimsoll.gateway.call import Call
from plimsoll.gateway.deadlines import Deadline, Deadlines
from plimsoll.gateway.outgoing import Request
from plimsoll.gateway.outside import Dial
from plimsoll.gateway.relay import Relay, Take

# Less than the five seconds after which uvicorn, which engines are made with, closes a connection that nobody uses.
_KEPT_SECONDS = 4.0
_NAMES_SECONDS = 10
# What one stream may have in memory here while its client does not read.
_BUFFER = 32 << 10
# For what a backend had sent when it was told that nobody listens any more.
LAST_WORDS_SECONDS = 0.5
# For what a provider still says to a client who went away, and for how many such clients at once.
DRAIN_SECONDS = 60.0
MOST_DRAINS = 200


class Drains:
    """How many answers are read to their end for nobody but the count."""

    def __init__(self, most: int = MOST_DRAINS) -> None:
        self._left = most

    def begin(self) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def end(self) -> None:
        self._left += 1


class Line:
    """From the first step towards a backend to its last byte, with a deadline, and the end that a client may wish.

    A backend that shall stop is told so by half of a close: it stops at once, and what it had sent by then can still be
    read, so that the count is right. `with` raises TimeoutError when the time is over, or nobody waits any more.
    """

    def __init__(self, call: Call, drains: Drains, deadlines: Deadlines, when: float | None) -> None:
        self._call = call
        self._drains = drains
        self._drain = False
        self._deadline = Deadline(deadlines, when)
        self._connection: Connection | None = None
        # Somebody was asked.
        self.used = False

    def __enter__(self) -> Self:
        self._deadline.__enter__()
        self._call.stopped.add_done_callback(self._stop)
        _LINE.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LINE.set(None)
        self._connection = None
        self._call.stopped.remove_done_callback(self._stop)
        if self._drain:
            self._drains.end()
        self._deadline.__exit__(kind, error, trace)

    def opened(self, connection: Connection) -> None:
        self._connection = connection
        self.used = True

    def goes_on(self, idle: float) -> None:
        """The answer has begun: from now on only the silence of the backend is too long."""
        if self._call.stopped.done():
            return
        self._deadline.when = None
        protocol = None if self._connection is None else self._connection.protocol
        if protocol is not None:
            protocol.read_timeout = idle
            protocol.start_timeout()

    async def relay(self, content: StreamReader, idle: float, take: Take) -> None:
        """As long as there is nothing else to do than to take what comes; see Relay."""
        protocol = None if self._connection is None else self._connection.protocol
        # An answer that has come to its end has no connection any more.
        if protocol is not None and protocol.transport is not None:
            await Relay(content, protocol, idle, take).run(protocol.transport)

    def _stop(self, stopped: asyncio.Future[Outcome]) -> None:
        deadline = self._deadline
        if deadline.over or deadline.expired:
            return
        wanted = stopped.result() is Outcome.CANCELLED and self._call.served.on_disconnect == "drain"
        if wanted and self._drains.begin():
            self._drain = True
            deadline.no_later_than(stopped.get_loop().time() + DRAIN_SECONDS)
        elif self._half_close():
            deadline.no_later_than(stopped.get_loop().time() + LAST_WORDS_SECONDS)
        else:
            deadline.expire()

    def _half_close(self) -> bool:
        connection = self._connection
        if connection is None or connection.protocol is None:
            return False
        transport = connection.transport
        if transport is None or transport.is_closing() or not transport.can_write_eof():
            return False
        connection.protocol.force_close()
        transport.write_eof()
        return True


_LINE: ContextVar[Line | None] = ContextVar("line", default=None)


class _Response(ClientResponse):
    """Tells the line of its request which connection it got, before anything is read from it."""

    async def start(self, connection: Connection) -> ClientResponse:
        line = _LINE.get()
        if line is not None:
            line.opened(connection)
        return await super().start(connection)


class UpstreamProtocol(ResponseHandler):
    """Goes on where it was stopped, and only then: aiohttp would have its parser look again after whatever is read."""

    _held = False

    def pause_reading(self) -> None:
        self._held = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._held:
            self._held = False
            super().resume_reading(resume_parser)


class _Connector(TCPConnector):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._factory = partial(UpstreamProtocol, loop=self._loop)  # type: ignore[assignment]


def new_session(dial: Dial | None = None) -> ClientSession:
    """It lives as long as the process: a client that is thrown away and made anew loses calls."""
    return ClientSession(
        connector=_Connector(
            limit=0, keepalive_timeout=_KEPT_SECONDS, ttl_dns_cache=_NAMES_SECONDS, socket_factory=dial
        ),
        cookie_jar=DummyCookieJar(),
        request_class=Request,
        response_class=_Response,
        auto_decompress=False,
        read_bufsize=_BUFFER,
        timeout=aiohttp.ClientTimeout(total=None),
    )


def rest_of(response: ClientResponse) -> bytes:
    """What had come when the answer broke. aiohttp would drop it, and each event of it was paid for."""
    content = response.content
    if content.exception() is not None:
        content.set_exception(None)  # type: ignore[arg-type]
    return content.read_nowait()


def outside() -> None:
    """For what a call has set off and does not belong to it."""
    _LINE.set(None)
