"""A stream: events go on as they come, but for the first, which may be an error, and the last, which needs a record.

Memory for each stream is bounded by not reading from the backend while the client does not read.
"""

from __future__ import annotations

import asyncio

from aiohttp import ClientError, ClientResponse
from aiohttp.http_exceptions import HttpProcessingError

from plimsoll.cost.record import Outcome
from plimsoll.gateway.attempts import Attempt, Failure, House, ask, blame, failed, failure_of, stopped_by
from plimsoll.gateway.call import Header
from plimsoll.gateway.counting import Count, of_stream
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.events import DONE, Events, View
from plimsoll.gateway.heartbeat import COMMENT, Heartbeat
from plimsoll.gateway.upstream import Line, rest_of

_EVENTS = b"text/event-stream"
_HEADERS: tuple[Header, ...] = (
    (b"content-type", _EVENTS),
    (b"cache-control", b"no-cache"),
    # nginx keeps events back otherwise.
    (b"x-accel-buffering", b"no"),
)
# For the last bytes of HTTP after the last event, so that the connection can be used again.
_TAIL_SECONDS = 1.0


async def answer_stream(house: House, attempt: Attempt) -> None:
    """Raises Failure before the client has an event."""
    await _Stream(house, attempt).run()


class _Stream:
    def __init__(self, house: House, attempt: Attempt) -> None:
        call = attempt.call
        self._house = house
        self._attempt = attempt
        self._call = call
        self._events = Events(_view(attempt))
        self._prompt_bytes = len(call.body)
        # The client has an answer now, and no other backend can give it another one.
        self._begun = False
        # Events that are there and that the client has not got.
        self._last = b""
        self._heart = Heartbeat(self._beat)

    async def run(self) -> None:
        response: ClientResponse | None = None
        trouble: Failure | None = None
        timeouts = self._call.served.timeouts
        try:
            deadline = self._call.stopped.get_loop().time() + timeouts.first_byte
            with Line(self._call, self._house.drains, self._house.deadlines, deadline) as line:
                response = await ask(self._house, self._attempt)
                _check_kind(response)
                await self._read(response, line)
        except (ClientError, HttpProcessingError, OSError) as error:
            seconds = timeouts.idle if self._begun else timeouts.first_byte
            trouble = failure_of(error, self._attempt, seconds)
            if response is not None:
                await self._take(rest_of(response))
        finally:
            await self._heart.end()
            if response is not None and not self._events.seen.done:
                response.close()
        await self._end(self._verdict(trouble))
        if response is not None:
            await _read_tail(response)

    async def _read(self, response: ClientResponse, line: Line) -> None:
        """Until its last event, its end, or something wrong with it."""
        seen, read, idle = self._events.seen, response.content.readany, self._call.served.timeouts.idle
        while not self._begun and not seen.ended:
            if not (data := await read()):
                return
            await self._take(data)
        if not seen.ended:
            line.goes_on(idle)
        while not seen.ended:
            if self._last:
                await self._pass()
            await line.relay(response.content, idle, self._relayed)
            if not self._last and not seen.ended:
                if not (data := await read()):
                    return
                await self._take(data)

    async def _take(self, data: bytes) -> None:
        self._note(data)
        if self._events.seen.any and not self._begun:
            await self._begin()

    def _note(self, data: bytes) -> None:
        self._last += self._events.feed(data)
        if self._events.seen.texts and self._attempt.first is None:
            self._attempt.first = self._house.clock()

    def _relayed(self, data: bytes) -> bool:
        """Whether that was all there is to do: nothing in it ends the stream, and the client can take it."""
        self._note(data)
        if self._events.seen.ended:
            return False
        if self._last:
            if not self._call.responder.pass_on(self._last):
                return False
            self._heart.moved = True
            self._last = b""
        return True

    async def _pass(self) -> None:
        """Nothing is read meanwhile, so a client who does not read stops its backend."""
        heart, events = self._heart, self._last
        heart.moved = heart.sending = True
        # They are the client's from here on, whatever interrupts the sending.
        self._last = b""
        await self._call.responder.send(events)
        heart.sending = False

    async def _begin(self) -> None:
        self._begun = True
        self._attempt.target.well(self._house.clock())
        self._call.forget_body()
        self._heart.begun()
        if not self._call.responder.started:
            await self._call.responder.start(200, _HEADERS)

    async def _beat(self) -> None:
        """Also before the first event, if that takes very long; then the status is told, and an error is an event."""
        responder = self._call.responder
        if not responder.started:
            await responder.start(200, _HEADERS)
        await responder.send(COMMENT)

    async def _end(self, failure: Failure | None) -> None:
        call, house, attempt = self._call, self._house, self._attempt
        if failure is not None and not self._begun:
            raise failure
        now = house.clock()
        error = None if failure is None else failure.error
        outcome = Outcome.OK if failure is None else failure.outcome
        if failure is not None:
            blame(attempt.target, failure, now)
        try:
            house.recorder.write_last(call, attempt.record(outcome, self._count(), now))
        except ApiError as unwritable:
            error = error or unwritable
        if error is None or outcome is Outcome.CANCELLED:
            await call.responder.finish(self._last + DONE)
        else:
            call.error = error.code
            await call.responder.finish(self._last + error.event(call.id))

    def _verdict(self, trouble: Failure | None) -> Failure | None:
        """What kept the answer from being whole, if anything."""
        seen, call = self._events.seen, self._call
        stopped = call.stopped.result() if call.stopped.done() else None
        # An answer that has said how it finished is whole, whatever becomes of the bytes after it.
        whole = seen.done or seen.finishes >= call.request.answers * call.request.prompts
        if whole and seen.any and stopped is not Outcome.CANCELLED:
            return None
        if stopped is not None:
            return stopped_by(stopped)
        return trouble or failed(seen.trouble or _too_early())

    def _count(self) -> Count:
        count = of_stream(self._events.seen, self._call, self._prompt_bytes)
        if count.mismatch:
            self._house.metrics.mismatch(self._call.model.full_name)
        return count


def _view(attempt: Attempt) -> View:
    call = attempt.call
    options = call.request.fields.get("stream_options") or {}
    return View(
        usage=call.request.usage_wanted,
        running=bool(options.get("continuous_usage_stats")),
        told_running=call.dialect.running_usage,
        prompt=call.served.prompt,
        credential=attempt.target.credential,
    )


def _check_kind(response: ClientResponse) -> None:
    """Some servers ignore `stream`, and some say that they are broken with status 200 and a page."""
    if response.content_type.encode() != _EVENTS:
        raise failed(ApiError(Code.UPSTREAM_BROKEN, why="it sent no stream"))


def _too_early() -> ApiError:
    return ApiError(Code.UPSTREAM_BROKEN, why="its stream ended before the answer did")


async def _read_tail(response: ClientResponse) -> None:
    try:
        async with asyncio.timeout(_TAIL_SECONDS):
            while await response.content.readany():
                pass
    except (ClientError, HttpProcessingError, OSError, RuntimeError):
        pass
    finally:
        response.close()
