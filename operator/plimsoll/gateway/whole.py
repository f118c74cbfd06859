"""An answer in one piece: read whole, counted, recorded, and only then given to the client."""

from __future__ import annotations

import msgspec
from aiohttp import ClientError, ClientResponse
from aiohttp.http_exceptions import HttpProcessingError

from plimsoll.cost.record import Outcome, Tokens
from plimsoll.gateway.attempts import Attempt, Failure, House, ask, failed, failure_of
from plimsoll.gateway.backends.refusing import error_within
from plimsoll.gateway.call import Call, Header
from plimsoll.gateway.counting import NOTHING, Count, of_unanswered, of_whole, whole_answers
from plimsoll.gateway.endpoints import Harm
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.upstream import Line

_JSON = (b"content-type", b"application/json")
_CLASSES = b", ".join(b"%b=%%d" % name.encode() for name in Tokens.__struct_fields__)
# More than the embeddings of the longest request take.
_LONGEST = 64 << 20


async def answer_whole(house: House, attempt: Attempt, deadline: float) -> None:
    """Raises Failure before the client has anything."""
    call = attempt.call
    body = await _read(house, attempt, deadline)
    usage = _usage_in(body, attempt)
    now = house.clock()
    attempt.target.well(now)
    count = of_whole(usage, call, len(body))
    if count.mismatch:
        house.metrics.mismatch(call.model.full_name)
    outcome = Outcome.CANCELLED if _left(call) else Outcome.OK
    house.recorder.write_last(call, attempt.record(outcome, count, now))
    await call.responder.reply(200, body, [_JSON, _told(count.tokens)])


async def _read(house: House, attempt: Attempt, deadline: float) -> bytes:
    call, response = attempt.call, None
    line = Line(call, house.drains, house.deadlines, deadline)
    try:
        with line:
            response = await ask(house, attempt)
            return await _body(response)
    except (ClientError, HttpProcessingError, OSError) as error:
        failure = failure_of(error, attempt, call.served.timeouts.total)
        if call.stopped.done() and line.used:
            failure.count = _unheard(call, error)
        raise failure from None
    finally:
        if response is not None:
            response.close()


def _unheard(call: Call, error: Exception) -> Count:
    """Who has a last word and hangs up without one had not begun."""
    begun = not call.dialect.last_word or isinstance(error, TimeoutError)
    return of_unanswered(call) if begun else NOTHING


async def _body(response: ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := await response.content.readany():
        parts.append(data)
        size += len(data)
        if size > _LONGEST:
            raise _broken(f"its answer has more than {_LONGEST} bytes")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _usage_in(body: bytes, attempt: Attempt) -> object:
    """Raises Failure where the answer is none."""
    if error := error_within(body, attempt.call.served.prompt, attempt.target.credential):
        raise failed(error)
    try:
        # What is skipped when the usage is looked for is not looked at.
        body.decode()
        return whole_answers.decode(body).usage
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise _broken("its answer was not JSON") from None


def _broken(why: str) -> Failure:
    return Failure(ApiError(Code.UPSTREAM_BROKEN, why=why), Outcome.UPSTREAM_ERROR, Harm.SICK)


def _left(call: Call) -> bool:
    return call.stopped.done() and call.stopped.result() is Outcome.CANCELLED


def _told(tokens: Tokens) -> Header:
    return (b"x-plimsoll-tokens", _CLASSES % msgspec.structs.astuple(tokens))
