"""Whether a call is let in now: what limits it, the most that it can take, and what it is told when it is not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from plimsoll.cost.record import Outcome
from plimsoll.gateway.call import Header, team_of
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.policy.parameters import NAMES
from plimsoll.gateway.request import Request
from plimsoll.gateway.waiting import WaitingRoom
from plimsoll.ledger.holds import Ask, Granted, Kind, Limited, Measure, Refused, Room, Scope
from plimsoll.ledger.line import Waiting
from plimsoll.ledger.shares import part_of
from plimsoll.routing.document import Document, Key, Model, Served
from plimsoll.routing.limits import NO_LIMITS, Limits

_NANO = 1_000_000_000
# Longer than any call lasts: it only frees what a mistake of ours has forgotten.
_LASTING = 24 * 3600 * _NANO
# Of an answer that neither the request, nor the owner of the model, nor a context bounds.
UNBOUNDED_ANSWER = 4096
# Nobody knows when those who run now end.
_RETRY_SECONDS = 1
_HEADERS = {
    measure: (f"x-ratelimit-limit-{measure}".encode(), f"x-ratelimit-remaining-{measure}".encode())
    for measure in Measure
}
# Made anew they would take longer than to count them.
_scope = lru_cache(maxsize=1 << 14)(Scope)
# Checked often: the sum of two types is made anew each time that it is looked at.
_NUMBERS = (int, float)
_LENGTHS = NAMES["maxTokens"]


class Applicant(Struct, frozen=True, kw_only=True):
    """A call that wants to be let in."""

    id: str
    key: Key | None
    model: Model
    served: Served
    request: Request
    body: bytes
    stopped: asyncio.Future[Outcome]


class Held(Struct):
    """The Hold of a call that was let in."""

    room: WaitingRoom
    request: str
    # Of limits, when it was let in.
    left: Mapping[Measure, Room]
    waited: float  # seconds
    settled: bool = False

    def settle(self, tokens: int) -> None:
        if not self.settled:
            self.settled = True
            self.room.settle(self.request, tokens)


class Admission:
    def __init__(self, room: WaitingRoom, clock: Callable[[], int], metrics: Metrics) -> None:
        self._room = room
        self._clock = clock
        self._metrics = metrics

    async def admit(self, document: Document, applicant: Applicant) -> Held:
        """Raises ApiError, and Left when its `stopped` comes before its turn."""
        limited = limited_by(document, applicant.key, applicant.model, applicant.served)
        ask = Ask(applicant.id, most_tokens(applicant), limited, _LASTING)
        found, begun, waited = self._room.enter(ask), self._clock(), 0.0
        full = isinstance(found, Refused) and lets_wait(found, ask)
        if isinstance(found, Waiting):
            found = await self._wait(applicant)
            waited = (self._clock() - begun) / _NANO
        if isinstance(found, Granted):
            return Held(self._room, applicant.id, found.left, waited)
        self._metrics.rejected(team_of(applicant.key), "queue" if full else found.counter.measure)
        raise refusal(found, ask, document.gateways, queue_full=full)

    async def _wait(self, applicant: Applicant) -> Granted | Refused:
        model, begun = applicant.model.full_name, self._clock()
        self._metrics.waits(model)
        try:
            return await self._room.wait(applicant.id, applicant.stopped)
        finally:
            self._metrics.waited(model, (self._clock() - begun) / _NANO)


def limited_by(document: Document, key: Key | None, model: Model, served: Served) -> tuple[Limited, ...]:
    """Counted are also those without a limit: one may be set the next moment, and then counts what has been."""
    of_model = Limited(_scope(Kind.MODEL, model.full_name), served.limits)
    if key is None:
        return (of_model,)
    of_key = Limited(_scope(Kind.KEY, key.full_name), key.limits)
    return (of_model, of_key, Limited(_scope(Kind.TEAM, key.team), document.teams.get(key.team, NO_LIMITS)))


def most_tokens(applicant: Applicant) -> int:
    """No text has more tokens than bytes, and no answer more than is allowed; both fit into the context."""
    request, served = applicant.request, applicant.served
    answer = 0 if request.operation == "embedding" else _longest_answer(request.fields, served)
    answers = request.prompts * request.answers
    prompt = len(applicant.body)
    if served.context is None:
        return prompt + answers * answer
    prompt = min(prompt, request.prompts * served.context)
    return min(prompt + answers * answer, request.prompts * request.answers * served.context)


def _longest_answer(fields: Mapping[str, object], served: Served) -> int:
    """The policy has looked at the numbers before."""
    policy = served.generation
    bounds = [value for name in _LENGTHS if isinstance(value := fields.get(name), _NUMBERS)]
    if not bounds and isinstance(default := policy.defaults.get("maxTokens"), _NUMBERS):
        bounds.append(default)
    bounds += [most for most in (policy.maximum.get("maxTokens"), served.context) if most is not None]
    return int(min(bounds)) if bounds else UNBOUNDED_ANSWER


def refusal(found: Refused, ask: Ask, gateways: int, *, queue_full: bool) -> ApiError:
    scope = f"{found.counter.scope.kind} {found.counter.scope.name}"
    limit = _in_words(found, ask)
    if found.hopeless:
        amount = ask.tokens if found.counter.measure is Measure.TOKENS else 1
        part = part_of(found.limit, gateways)
        return ApiError(Code.OVER_LIMIT, scope=scope, limit=limit, part=part, amount=amount)
    seconds = _RETRY_SECONDS if found.retry_after is None else max(1, math.ceil(found.retry_after / _NANO))
    code = Code.QUEUE_FULL if queue_full else Code.RATE_LIMIT_EXCEEDED
    return ApiError(code, retry_after=seconds, scope=scope, limit=limit, seconds=seconds)


def lets_wait(refused: Refused, ask: Ask) -> bool:
    """Whoever is refused all the same finds too many waiting already."""
    may = all(_limits_of(counter.scope, ask).when_full == "wait" for counter in refused.full)
    return may and not refused.hopeless


def left_headers(room: Mapping[Measure, Room]) -> list[Header]:
    """Under the names that clients of OpenAI know."""
    headers: list[Header] = []
    for measure, (left, limit) in room.items():
        of_limit, of_left = _HEADERS[measure]
        headers += ((of_limit, b"%d" % limit), (of_left, b"%d" % left))
    return headers


def _in_words(found: Refused, ask: Ask) -> str:
    if found.counter.measure is Measure.CONCURRENCY:
        return f"{found.limit} requests at the same time"
    return f"{found.limit} {found.counter.measure} in {_limits_of(found.counter.scope, ask).window_seconds:g} s"


def _limits_of(scope: Scope, ask: Ask) -> Limits:
    return next((each.limits for each in ask.limited if each.scope == scope), NO_LIMITS)
