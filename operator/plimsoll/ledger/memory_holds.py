"""Holds in the memory of this process: exact for one gateway, and each of several enforces its part of every limit.

Everything happens within one call, on one thread, so there is nothing to lock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plimsoll.ledger.holds import Ask, Counter, Granted, Left, Limited, Measure, Refused, Room, Scope
from plimsoll.ledger.shares import part_of
from plimsoll.ledger.window import Use, Window
from plimsoll.routing.limits import Limits

_SECOND = 1_000_000_000
# Scopes that nobody uses are looked for among so many at a time.
_SWEPT = 64


class _Count(NamedTuple):
    measure: Measure
    limit: int
    # Of the limit, what may be used here.
    part: int
    used: int
    amount: int


class _State:
    """What one key, team or model uses."""

    __slots__ = ("length", "limits", "most_requests", "most_running", "most_tokens", "requests", "running", "tokens")

    def __init__(self) -> None:
        self.requests = Window()
        self.tokens = Window()
        self.running = 0
        self.length = 0
        self.limits: Limits | None = None
        # Here: what is no number has no limit.
        self.most_requests = self.most_tokens = self.most_running = math.inf

    def limit_by(self, limits: Limits, gateways: int) -> None:
        self.limits = limits
        self.length = round(limits.window_seconds * _SECOND)
        self.most_requests = _part(limits.requests, gateways)
        self.most_tokens = _part(limits.tokens, gateways)
        self.most_running = _part(limits.concurrency, gateways)

    def forget(self, now: int) -> None:
        until = now - self.length
        self.requests.forget(until)
        self.tokens.forget(until)

    def use(self, now: int, tokens: int) -> Use:
        """Counted also where there is no limit yet, because one may be set the next moment."""
        self.running += 1
        self.requests.add(now, 1, self.length)
        return self.tokens.add(now, tokens, self.length)

    def has_room(self, tokens: int) -> bool:
        """For one more request. What `counts` says of most of them, without making anything."""
        return (
            self.requests.total < self.most_requests
            and self.tokens.total + tokens <= self.most_tokens
            and self.running < self.most_running
        )

    def counts(self, limits: Limits, tokens: int) -> Iterator[_Count]:
        """Everything that is limited, with what one more request adds to it."""
        if limits.requests is not None:
            yield _Count(Measure.REQUESTS, limits.requests, int(self.most_requests), self.requests.total, 1)
        if limits.tokens is not None:
            yield _Count(Measure.TOKENS, limits.tokens, int(self.most_tokens), self.tokens.total, tokens)
        if limits.concurrency is not None:
            yield _Count(Measure.CONCURRENCY, limits.concurrency, int(self.most_running), self.running, 1)

    def wait(self, measure: Measure, over: int, now: int) -> int | None:
        """Until so much is free again. Nobody knows when those who run now end."""
        if measure is Measure.CONCURRENCY:
            return None
        window = self.requests if measure is Measure.REQUESTS else self.tokens
        return window.free_at(over, self.length) - now

    @property
    def idle(self) -> bool:
        return not (self.running or self.requests or self.tokens)


class _Held(NamedTuple):
    tokens: int
    until: int
    parts: list[tuple[_State, Use]]


class _Lack(NamedTuple):
    """One counter that is full."""

    counter: Counter
    limit: int
    retry_after: int | None
    hopeless: bool


class MemoryHolds:
    def __init__(self, gateways: int = 1) -> None:
        self._gateways = gateways
        self._states: dict[Scope, _State] = {}
        self._held: dict[str, _Held] = {}

    def share_with(self, gateways: int) -> None:
        """So many enforce a part of every limit, this one among them."""
        self._gateways = gateways
        for state in self._states.values():
            state.limits = None  # so that its parts are found anew

    def hold(self, ask: Ask, now: int) -> Granted | Refused:
        if ask.request in self._held:
            raise ValueError(f"{ask.request} is held already")
        states = [self._state(each, now) for each in ask.limited]
        for state in states:
            if not state.has_room(ask.tokens):
                together = zip(ask.limited, states, strict=True)
                lacks = [lack for each, state in together for lack in _lacks(each, state, ask.tokens, now)]
                return _refused(ask.request, lacks)
        parts = [(state, state.use(now, ask.tokens)) for state in states]
        self._held[ask.request] = _Held(ask.tokens, now + ask.lasting, parts)
        return Granted(ask.request, _least(ask.limited, states))

    def settle(self, request: str, tokens: int) -> bool:
        held = self._held.pop(request, None)
        if held is None:
            return False
        for state, use in held.parts:
            state.running -= 1
            state.tokens.change(use, tokens - held.tokens)
        return True

    def expire(self, now: int) -> list[str]:
        gone = [request for request, held in self._held.items() if held.until <= now]
        for request in gone:
            self.settle(request, 0)
        self._sweep(now)
        return gone

    def left(self, limited: Sequence[Limited], now: int) -> list[Left]:
        return [
            Left(Counter(each.scope, count.measure), count.limit, max(0, count.part - count.used))
            for each in limited
            for count in self._state(each, now).counts(each.limits, 0)
        ]

    def _state(self, limited: Limited, now: int) -> _State:
        state = self._states.get(limited.scope)
        if state is None:
            state = self._states[limited.scope] = _State()
        if state.limits is not limited.limits:
            state.limit_by(limited.limits, self._gateways)
        state.forget(now)
        return state

    def _sweep(self, now: int) -> None:
        """Keys come and go; what they used is forgotten with its window."""
        for scope in [scope for scope, _ in zip(self._states, range(_SWEPT), strict=False)]:
            state = self._states.pop(scope)
            state.forget(now)
            if not state.idle:
                self._states[scope] = state  # at the end, so that the next sweep sees others


def _part(limit: int | None, gateways: int) -> float:
    return math.inf if limit is None else part_of(limit, gateways)


def _least(limited: Sequence[Limited], states: Sequence[_State]) -> dict[Measure, Room]:
    requests: Room | None = None
    tokens: Room | None = None
    running: Room | None = None
    for (_, limits), state in zip(limited, states, strict=True):
        if (most := limits.requests) is not None:
            room = (int(state.most_requests) - state.requests.total, most)
            if requests is None or room < requests:
                requests = room
        if (most := limits.tokens) is not None:
            room = (int(state.most_tokens) - state.tokens.total, most)
            if tokens is None or room < tokens:
                tokens = room
        if (most := limits.concurrency) is not None:
            room = (int(state.most_running) - state.running, most)
            if running is None or room < running:
                running = room
    found = ((Measure.REQUESTS, requests), (Measure.TOKENS, tokens), (Measure.CONCURRENCY, running))
    return {measure: room for measure, room in found if room is not None}


def _lacks(limited: Limited, state: _State, tokens: int, now: int) -> Iterator[_Lack]:
    for count in state.counts(limited.limits, tokens):
        over = count.used + count.amount - count.part
        if over > 0:
            hopeless = count.amount > count.part
            wait = None if hopeless else state.wait(count.measure, over, now)
            yield _Lack(Counter(limited.scope, count.measure), count.limit, wait, hopeless)


def _refused(request: str, lacks: Sequence[_Lack]) -> Refused:
    """Of several that are full, the one that takes longest is told."""
    first = max(lacks, key=lambda lack: (lack.hopeless, lack.retry_after or 0))
    full = frozenset(lack.counter for lack in lacks)
    return Refused(request, first.counter, first.limit, first.retry_after, first.hopeless, full)
