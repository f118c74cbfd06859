"""What has to be looked at: each key waits at most once, and is never worked on twice at the same time.

Most of what is heard of a key is the echo of the last pass: pods that it started, counts in their Deployment. So a key
rests after each pass, and what is noticed meanwhile makes one pass together. Who changed a spec waits for none of that.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from plimsoll.plan.observed import Key

_FIRST_BACK_OFF = 0.2
_LONGEST_BACK_OFF = 300.0
# Seconds in which a Deployment and its pods have said most of what they say about one write. Where a pass takes longer
# than that, everybody is slow, and more passes would only make it worse.
_SHORTEST_REST = 0.3
_LONGEST_REST = 3.0
# Seconds by which what was asked for may be younger than what was noticed, and still comes first.
_HEAD_START = 2.0


class Closed(Exception):
    """Nothing more is handed out."""


class KeyedQueue:
    """Whoever takes a key has to hand it back with `done`.

    Keys come in the order in which they were added, those that were only noticed as if it had been a while later.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        # Spreads retries; nothing secret depends on it.
        self._chance = chance or random.Random()  # noqa: S311
        # Since when each waits.
        self._asked: OrderedDict[Key, float] = OrderedDict()
        self._noticed: OrderedDict[Key, float] = OrderedDict()
        self._working: dict[Key, float] = {}
        self._resting: dict[Key, asyncio.TimerHandle] = {}
        # What comes round again after its work or its rest, and whether it was asked for.
        self._again: dict[Key, bool] = {}
        self._later: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def add(self, key: Key) -> None:
        """As soon as somebody is free: this is what somebody waits for."""
        _cancel(self._later, key)
        if self._closed or key in self._asked or self._has_waited_long(key):
            return
        if key in self._working:
            self._again[key] = True
            return
        _cancel(self._resting, key)
        self._again.pop(key, None)
        self._noticed.pop(key, None)
        self._let_wait(key, self._asked)

    def notice(self, key: Key) -> None:
        """When it has rested, and after those that somebody waits for."""
        _cancel(self._later, key)
        if self._closed or self._waits(key):
            return
        if key in self._working or key in self._resting:
            self._again.setdefault(key, False)
            return
        self._let_wait(key, self._noticed)

    def add_all(self, keys: Iterable[Key], spread: float = 0.0) -> None:
        """Evenly over so many seconds, so that they do not all come at once."""
        everyone = list(keys)
        for place, key in enumerate(everyone):
            self.add_later(key, spread * place / len(everyone))

    def add_later(self, key: Key, seconds: float) -> None:
        """Noticed then; the earliest time that anybody asked for counts."""
        if seconds <= 0:
            self.notice(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._later.get(key)
        if self._closed or self._waits(key) or (timer and timer.when() <= loop.time() + seconds):
            return
        _cancel(self._later, key)
        self._later[key] = loop.call_later(seconds, self.notice, key)

    def back_off(self, key: Key, at_least: float = 0.0) -> float:
        """Later, and later each time until `succeeded`; some chance keeps many keys from coming back together."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # Beyond 30 doublings the limit is long reached.
        pause = min(_FIRST_BACK_OFF * 2.0 ** min(failures, 30), _LONGEST_BACK_OFF) * self._chance.uniform(0.8, 1.2)
        pause = max(pause, at_least)
        self.add_later(key, pause)
        return pause

    def succeeded(self, key: Key) -> None:
        self._failures.pop(key, None)

    async def take(self) -> Key:
        """The next key, as soon as there is one; Closed when none will come."""
        while not self._asked and not self._noticed and not self._closed:
            self._some.clear()
            await self._some.wait()
        if self._closed:
            raise Closed
        key, _ = self._next().popitem(last=False)
        self._working[key] = asyncio.get_running_loop().time()
        self._idle.clear()
        return key

    async def each(self, work: Callable[[Key], Awaitable[None]]) -> None:
        """One worker: a key after the other, until no more come."""
        while True:
            try:
                key = await self.take()
            except Closed:
                return
            try:
                await work(key)
            finally:
                self.done(key)

    def done(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        took = loop.time() - self._working.pop(key)
        if self._again.get(key):
            self.add(key)
        else:
            rest = min(max(took, _SHORTEST_REST), _LONGEST_REST)
            self._resting[key] = loop.call_later(rest, self._rested, key)
        if not self._working:
            self._idle.set()

    async def drain(self) -> None:
        """Nothing new begins; returns when what runs has ended."""
        self._closed = True
        self._some.set()
        for key in list(self._later):
            _cancel(self._later, key)
        await self._idle.wait()

    @property
    def depth(self) -> int:
        """Keys that wait for a pass, also those that rest before it or are still in one."""
        return len(self._asked) + len(self._noticed) + len(self._again)

    @property
    def busy(self) -> int:
        return len(self._working)

    @property
    def known(self) -> int:
        """Of how many keys it knows that they failed."""
        return len(self._failures)

    @property
    def oldest(self) -> float:
        """Seconds for which the one has been waiting that waits longest."""
        firsts = [next(iter(waiting.values())) for waiting in (self._asked, self._noticed) if waiting]
        return asyncio.get_running_loop().time() - min(firsts) if firsts else 0.0

    def _waits(self, key: Key) -> bool:
        return key in self._asked or key in self._noticed

    def _has_waited_long(self, key: Key) -> bool:
        """Whether it was noticed so long ago that it comes before all that is asked for now."""
        since = self._noticed.get(key)
        return since is not None and since + _HEAD_START <= asyncio.get_running_loop().time()

    def _let_wait(self, key: Key, where: OrderedDict[Key, float]) -> None:
        where[key] = asyncio.get_running_loop().time()
        self._some.set()

    def _next(self) -> OrderedDict[Key, float]:
        """Where the next one comes from: who was only noticed is let in some time, however many are asked for."""
        if not self._asked or not self._noticed:
            return self._asked or self._noticed
        asked, noticed = (next(iter(waiting.values())) for waiting in (self._asked, self._noticed))
        return self._asked if asked <= noticed + _HEAD_START else self._noticed

    def _rested(self, key: Key) -> None:
        del self._resting[key]
        if self._again.pop(key, None) is not None:
            self.notice(key)


def _cancel(timers: dict[Key, asyncio.TimerHandle], key: Key) -> None:
    if timer := timers.pop(key, None):
        timer.cancel()
