"""Who waits for a limit, in the order of arrival: nobody passes somebody who waits longer for the same thing.

Nothing here sleeps. Whoever owns the line asks it again when something was settled, and at `wakes_at`.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from plimsoll.ledger.holds import Ask, Counter, Granted, Holds, Limited, Refused, Scope, counters_of, limit_of

_Thing = TypeVar("_Thing", Counter, Scope)


class Waiting(NamedTuple):
    request: str


@dataclass(slots=True)
class _Waiter:
    """`refused` is the last answer: what it waits for is what was full then."""

    ask: Ask
    counters: frozenset[Counter]
    until: int
    refused: Refused
    # When a window may have room for it, if anybody knows.
    free_at: int | None

    @property
    def wakes_at(self) -> int:
        return self.until if self.free_at is None else min(self.until, self.free_at)


class Line:
    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._waiters: dict[str, _Waiter] = {}
        # How many wait for each counter, and in each scope.
        self._wanted: Tally[Counter] = Tally()
        self._waiting: Tally[Scope] = Tally()

    def __len__(self) -> int:
        return len(self._waiters)

    def enter(self, ask: Ask, now: int, patience: int) -> Granted | Refused | Waiting:
        """Waits at most so long, and only where everything that is full lets it wait and has a place left."""
        counters = counters_of(ask.limited) if self._waiters else frozenset()
        found = self._try(ask, counters, self._wanted, now)
        if isinstance(found, Granted) or not self._has_places(ask, found):
            return found
        waiter = _Waiter(ask, counters or counters_of(ask.limited), now + patience, found, None)
        self._stay(waiter, found, now)
        return Waiting(ask.request)

    def leave(self, request: str) -> bool:
        """Whoever asked is gone. False where it did not wait; then it may hold something."""
        waiter = self._waiters.pop(request, None)
        if waiter is not None:
            self._count(waiter.refused, -1)
        return waiter is not None

    def advance(self, now: int) -> list[Granted | Refused]:
        """Answers for those who wait no longer: let in, or refused because their time is up or they may not wait."""
        answers: list[Granted | Refused] = []
        wanted: set[Counter] = set()
        for waiter in list(self._waiters.values()):
            found = self._try(waiter.ask, waiter.counters, wanted, now)
            self.leave(waiter.ask.request)
            if isinstance(found, Granted) or waiter.until <= now or not _may_wait(waiter.ask, found):
                answers.append(found)
            else:
                self._stay(waiter, found, now)
                wanted |= found.full
        return answers

    def wakes_at(self) -> int | None:
        """When to advance at the latest, even if nothing is settled. None while nobody waits."""
        return min((waiter.wakes_at for waiter in self._waiters.values()), default=None)

    def _try(self, ask: Ask, counters: frozenset[Counter], wanted: Container[Counter], now: int) -> Granted | Refused:
        before = frozenset(counter for counter in counters if counter in wanted)
        return _behind(ask, before) if before else self._holds.hold(ask, now)

    def _has_places(self, ask: Ask, refused: Refused) -> bool:
        return _may_wait(ask, refused) and all(
            self._waiting[each.scope] < each.limits.queue for each in _full(ask, refused)
        )

    def _stay(self, waiter: _Waiter, refused: Refused, now: int) -> None:
        waiter.refused = refused
        waiter.free_at = None if refused.retry_after is None else now + refused.retry_after
        self._waiters[waiter.ask.request] = waiter
        self._count(refused, 1)

    def _count(self, refused: Refused, step: int) -> None:
        for counter in refused.full:
            _add(self._wanted, counter, step)
        for scope in {counter.scope for counter in refused.full}:
            _add(self._waiting, scope, step)


def _add(tally: Tally[_Thing], thing: _Thing, step: int) -> None:
    tally[thing] += step
    if not tally[thing]:
        del tally[thing]


def _full(ask: Ask, refused: Refused) -> list[Limited]:
    scopes = {counter.scope for counter in refused.full}
    return [each for each in ask.limited if each.scope in scopes]


def _may_wait(ask: Ask, refused: Refused) -> bool:
    return not refused.hopeless and all(each.limits.when_full == "wait" for each in _full(ask, refused))


def _behind(ask: Ask, before: frozenset[Counter]) -> Refused:
    """In the words of its own limits: those of whoever waits before it are nobody else's business."""
    counter = min(before)
    limits = next(each.limits for each in ask.limited if each.scope == counter.scope)
    return Refused(ask.request, counter, limit_of(limits, counter.measure) or 0, None, False, before)
