"""Comments in a stream that has nothing to say for a while, so that nobody between us and the client gives it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

COMMENT = b": waiting\n\n"
# Most proxies wait for a minute. An answer that has not begun may yet be an error with a status, so that is worth it.
_FIRST_SECONDS, _EACH_SECONDS = 45.0, 15.0


class Heartbeat:
    """`moved` is all that it costs while events come."""

    def __init__(self, beat: Callable[[], Awaitable[None]]) -> None:
        self.moved = False
        # While the client does not read, nothing more is put before it.
        self.sending = False
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._running: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_FIRST_SECONDS, self._look)

    async def end(self) -> None:
        """Nothing comes from it afterwards."""
        self._timer.cancel()
        # It leads back here: what a stream has in memory would stay until somebody looks for circles.
        self._beat = _nothing
        if self._running is not None:
            # It may wait for a client who never reads again.
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def begun(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(_EACH_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = self._loop.call_later(_EACH_SECONDS, self._look)
        still = self._running is not None and not self._running.done()
        if not self.moved and not self.sending and not still:
            self._running = self._loop.create_task(self._run())
        self.moved = False

    async def _run(self) -> None:
        await self._beat()


async def _nothing() -> None:
    return
