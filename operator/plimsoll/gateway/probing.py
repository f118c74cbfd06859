"""Asks pods how they are: those that are away, whether they are back, and those that keep silent, whether they hang."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from aiohttp import ClientError, ClientSession, ClientTimeout

from plimsoll.gateway.endpoints import Harm, Target
from plimsoll.gateway.upstream import outside

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
# A pod with calls that has said nothing for so long is asked, and this long it may take: found within 30 s either way.
_SILENT_SECONDS = 10.0
_ANSWER = ClientTimeout(total=5.0)


class Prober:
    def __init__(
        self, session: ClientSession, targets: Callable[[], Iterable[Target]], clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._targets = targets
        self._clock = clock
        self._running: dict[Target, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    async def close(self) -> None:
        self._timer.cancel()
        tasks = list(self._running.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _look(self) -> None:
        now = self._clock()
        for target in self._targets():
            if target.health is not None and target not in self._running and _worth_asking(target, now):
                self._running[target] = self._loop.create_task(self._ask(target, target.health))
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    async def _ask(self, target: Target, address: str) -> None:
        outside()
        try:
            well = await self._answers(address)
        finally:
            del self._running[target]
        now = self._clock()
        if well and target.sent_away:
            _LOG.info("%s is back", target.name)
        if well:
            target.back(now)
        elif target.harmed(Harm.DOWN, now, 0.0):
            _LOG.warning("%s gets no calls: it does not say that it is well", target.name)

    async def _answers(self, address: str) -> bool:
        try:
            async with self._session.get(address, timeout=_ANSWER, allow_redirects=False) as response:
                return response.status == 200
        except (ClientError, OSError):
            return False


def _worth_asking(target: Target, now: float) -> bool:
    if target.sent_away:
        return now >= target.away_until
    return target.outstanding > 0 and now - max(target.heard, target.begun) >= _SILENT_SECONDS
