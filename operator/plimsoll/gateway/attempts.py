"""One attempt at one backend: how it is asked, what its failure means, and the record that it leaves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from msgspec import Struct

from plimsoll.cost.record import Outcome, Record
from plimsoll.gateway.backends.refusing import refused
from plimsoll.gateway.call import Call
from plimsoll.gateway.counting import NOTHING, Count, of_last_word
from plimsoll.gateway.deadlines import Deadlines
from plimsoll.gateway.endpoints import Harm, Target
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.outgoing import Outgoing
from plimsoll.gateway.outside import AddressRefused
from plimsoll.gateway.recording import Recorder
from plimsoll.gateway.retries import pause_of
from plimsoll.gateway.upstream import Drains

_LOG = logging.getLogger(__name__)
# Of the words of a backend that refuses.
_LONGEST_REFUSAL = 64 << 10
# Of our own engine, to a client that has closed its half: no answer, but what it took.
_CUT = 499
_AGAIN = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all attempts use."""

    session: ClientSession
    # For providers, whose addresses are not ours.
    outside: ClientSession
    recorder: Recorder
    metrics: Metrics
    drains: Drains = field(default_factory=Drains)
    deadlines: Deadlines = field(default_factory=Deadlines)
    clock: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns


class Attempt(Struct, eq=False):
    call: Call
    number: int
    target: Target
    started: float
    started_ns: int
    # Its first token, in seconds of the same clock.
    first: float | None = None
    status: int = 0

    def record(self, outcome: Outcome, count: Count, now: float) -> Record:
        call = self.call
        return Record(
            request=call.id,
            attempt=self.number,
            started_ns=self.started_ns,
            seconds=now - self.started,
            first_token_seconds=None if self.first is None else self.first - self.started,
            namespace=call.model.namespace,
            model=call.model.name,
            revision=call.served.revision,
            backend=call.served.backend,
            endpoint=self.target.name,
            team=call.team,
            key=call.key_name,
            operation=call.operation,
            streamed=call.request.stream,
            outcome=outcome,
            status=self.status,
            tokens=count.tokens,
            source=count.source,
        )


class Failure(Exception):
    """It came to nothing before the client had anything of it."""

    def __init__(self, error: ApiError, outcome: Outcome, harm: Harm = Harm.NONE, *, again: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.outcome = outcome
        self.harm = harm
        # Whether somebody else may do better.
        self.again = again
        self.count = NOTHING

    @property
    def pause(self) -> float:
        return self.error.retry_after or 0.0


async def ask(house: House, attempt: Attempt) -> ClientResponse:
    """The head of an answer, which is one. Raises Failure for all that say they are none."""
    target = attempt.target
    response = await _post(house, attempt)
    attempt.status, target.heard = response.status, house.clock()
    if response.status != 200:
        raw = await _words_of(response)
        if response.status == _CUT and attempt.call.stopped.done():
            raise stopped_by(attempt.call.stopped.result(), of_last_word(raw, attempt.call))
        raise _refusal(attempt, raw, response.headers.get("retry-after"), house.wall_ns() / 1e9)
    return response


async def _post(house: House, attempt: Attempt) -> ClientResponse:
    call, target = attempt.call, attempt.target
    if not call.request.stream:
        # Those that came together go on together: what one brings into the caches of the processor serves all (0027).
        await asyncio.sleep(0)
    outgoing = Outgoing(call.dialect.headers(call.id, target.credential), call.body)
    session = house.outside if target.outside else house.session
    try:
        return await session.post(
            target.base + call.dialect.path(call.operation),
            data=outgoing,
            timeout=_timeout(call.served.timeouts.connect),
            allow_redirects=False,
        )
    except ValueError:
        # Neither of them is for a log, and the words of the library have both.
        _LOG.warning("the address or the credential of %s cannot be used as it is written", target.name)
        raise Failure(ApiError(Code.UPSTREAM_UNREACHABLE, retry_after=1), Outcome.UPSTREAM_ERROR, Harm.DOWN) from None


async def _words_of(response: ClientResponse) -> bytes:
    words = b""
    while len(words) < _LONGEST_REFUSAL and (data := await response.content.readany()):
        words += data
    response.close()
    return words[:_LONGEST_REFUSAL]


def failure_of(error: Exception, attempt: Attempt, seconds: float) -> Failure:
    """What broke an attempt, which was to take so many seconds at most."""
    call = attempt.call
    if call.stopped.done():
        return stopped_by(call.stopped.result())
    # Of a whole answer that has begun somebody has computed the tokens already.
    again = call.request.stream or not attempt.status
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
        return Failure(ApiError(Code.UPSTREAM_ADDRESS_REFUSED), Outcome.UPSTREAM_ERROR, Harm.DOWN)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        outcome = Outcome.TIMEOUT if isinstance(error, TimeoutError) else Outcome.UPSTREAM_ERROR
        return Failure(ApiError(Code.UPSTREAM_UNREACHABLE, retry_after=1), outcome, Harm.DOWN, again=True)
    if isinstance(error, TimeoutError):
        told = ApiError(Code.UPSTREAM_TIMEOUT, seconds=f"{seconds:g}", retry_after=1)
        # The time of a whole answer is that of all its attempts together.
        return Failure(told, Outcome.TIMEOUT, Harm.DOWN, again=call.request.stream)
    broken = ApiError(Code.UPSTREAM_BROKEN, why="its connection ended too early")
    return Failure(broken, Outcome.UPSTREAM_ERROR, Harm.SICK, again=again)


def stopped_by(outcome: Outcome, count: Count = NOTHING) -> Failure:
    """Nobody waits for an answer, or this gateway has no time left for one."""
    failure = Failure(ApiError(Code.DRAINING, retry_after=1), outcome)
    failure.count = count
    return failure


def failed(error: ApiError) -> Failure:
    """Said in place of an answer, with status 200: somebody else may have one, unless the request itself is wrong."""
    if error.status < 500:
        return Failure(error, Outcome.REFUSED_BY_UPSTREAM)
    return Failure(error, Outcome.UPSTREAM_ERROR, Harm.SICK, again=True)


def blame(target: Target, failure: Failure, now: float) -> None:
    if target.harmed(failure.harm, now, failure.pause):
        _LOG.warning("%s gets no calls for now: %s", target.name, failure)


def _refusal(attempt: Attempt, raw: bytes, retry_after: str | None, now: float) -> Failure:
    status, served = attempt.status, attempt.call.served
    pause = pause_of(retry_after, now) if status == 429 or retry_after is not None else None
    error = refused(status, raw, served.prompt, pause, attempt.target.credential)
    if status == 429:
        return Failure(error, Outcome.REFUSED_BY_UPSTREAM, Harm.BUSY, again=True)
    if 400 <= status < 500:
        return Failure(error, Outcome.REFUSED_BY_UPSTREAM)
    # A pod that says 503 starts or ends, and can be asked how it is.
    down = status == 503 and attempt.target.health is not None
    return Failure(error, Outcome.UPSTREAM_ERROR, Harm.DOWN if down else Harm.SICK, again=status in _AGAIN)


@lru_cache(maxsize=64)
def _timeout(connect: float) -> ClientTimeout:
    return ClientTimeout(total=None, connect=connect)
