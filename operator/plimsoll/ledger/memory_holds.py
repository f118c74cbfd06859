"""Holds in the memory of this process: exact for one gateway, and each of several enforces its part of every limit.

Everything happens within one call, on one thread, so there is nothing to lock.
"""

from __future__ import annotations

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
    used: int
    amount: int


class _State:
    """What one key, team or model uses."""

    __slots__ = ("length", "limits", "requests", "running", "tokens")

    def __init__(self) -> None:
        self.requests = Window()
        self.tokens = Window()
        self.running = 0
        self.length = 0
        self.limits: Limits | None = None

    def limit_by(self, limits: Limits) -> None:
        self.limits = limits
        self.length = round(limits.window_seconds * _SECOND)

    def forget(self, now: int) -> None:
        until = now - self.length
        self.requests.forget(until)
        self.tokens.forget(until)

    def use(self, now: int, tokens: int) -> Use:
        """Counted also where there is no limit yet, because one may be set the next moment."""
        self.running += 1
        self.requests.add(now, 1, self.length)
        return self.tokens.add(now, tokens, self.length)

    def has_room(self, limits: Limits, tokens: int, gateways: int) -> bool:
        """For one more request. What `counts` says of most of them, without making anything."""
        most_requests, most_tokens, most_running = limits.requests, limits.tokens, limits.concurrency
        return (
            (most_requests is None or self.requests.total < part_of(most_requests, gateways))
            and (most_tokens is None or self.tokens.total + tokens <= part_of(most_tokens, gateways))
            and (most_running is None or self.running < part_of(most_running, gateways))
        )

    def counts(self, limits: Limits, tokens: int) -> Iterator[_Count]:
        """Everything that is limited, with what one more request adds to it."""
        if limits.requests is not None:
            yield _Count(Measure.REQUESTS, limits.requests, self.requests.total, 1)
        if limits.tokens is not None:
            yield _Count(Measure.TOKENS, limits.tokens, self.tokens.total, tokens)
        if limits.concurrency is not None:
            yield _Count(Measure.CONCURRENCY, limits.concurrency, self.running, 1)

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
        # Set anew whenever the routing document says another number.
        self.gateways = gateways
        self._states: dict[Scope, _State] = {}
        self._held: dict[str, _Held] = {}

    def hold(self, ask: Ask, now: int) -> Granted | Refused:
        if ask.request in self._held:
            raise ValueError(f"{ask.request} is held already")
        states = [self._state(each, now) for each in ask.limited]
        together = list(zip(ask.limited, states, strict=True))
        if not all(state.has_room(each.limits, ask.tokens, self.gateways) for each, state in together):
            return _refused(
                ask.request, [lack for each, state in together for lack in self._lacks(each, state, ask.tokens, now)]
            )
        parts = [(state, state.use(now, ask.tokens)) for state in states]
        self._held[ask.request] = _Held(ask.tokens, now + ask.lasting, parts)
        return Granted(ask.request)

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
            Left(Counter(each.scope, count.measure), count.limit, max(0, self._part(count) - count.used))
            for each in limited
            for count in self._state(each, now).counts(each.limits, 0)
        ]

    def least(self, limited: Sequence[Limited], now: int) -> dict[Measure, Room]:
        found: dict[Measure, Room] = {}
        for each in limited:
            state, limits = self._state(each, now), each.limits
            if limits.requests is not None:
                self._lower(found, Measure.REQUESTS, limits.requests, state.requests.total)
            if limits.tokens is not None:
                self._lower(found, Measure.TOKENS, limits.tokens, state.tokens.total)
            if limits.concurrency is not None:
                self._lower(found, Measure.CONCURRENCY, limits.concurrency, state.running)
        return found

    def _lower(self, found: dict[Measure, Room], measure: Measure, limit: int, used: int) -> None:
        left = part_of(limit, self.gateways) - used
        room = (left if left > 0 else 0, limit)  # noqa: FURB136 - three times as fast as max
        known = found.get(measure)
        if known is None or room < known:
            found[measure] = room

    def _state(self, limited: Limited, now: int) -> _State:
        state = self._states.get(limited.scope)
        if state is None:
            state = self._states[limited.scope] = _State()
        if state.limits is not limited.limits:
            state.limit_by(limited.limits)
        state.forget(now)
        return state

    def _lacks(self, limited: Limited, state: _State, tokens: int, now: int) -> Iterator[_Lack]:
        for count in state.counts(limited.limits, tokens):
            part = self._part(count)
            over = count.used + count.amount - part
            if over > 0:
                hopeless = count.amount > part
                wait = None if hopeless else state.wait(count.measure, over, now)
                yield _Lack(Counter(limited.scope, count.measure), count.limit, wait, hopeless)

    def _part(self, count: _Count) -> int:
        return part_of(count.limit, self.gateways)

    def _sweep(self, now: int) -> None:
        """Keys come and go; what they used is forgotten with its window."""
        for scope in [scope for scope, _ in zip(self._states, range(_SWEPT), strict=False)]:
            state = self._states.pop(scope)
            state.forget(now)
            if not state.idle:
                self._states[scope] = state  # at the end, so that the next sweep sees others


def _refused(request: str, lacks: Sequence[_Lack]) -> Refused:
    """Of several that are full, the one that takes longest is told."""
    first = max(lacks, key=lambda lack: (lack.hopeless, lack.retry_after or 0))
    full = frozenset(lack.counter for lack in lacks)
    return Refused(request, first.counter, first.limit, first.retry_after, first.hopeless, full)
