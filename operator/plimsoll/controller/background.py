"""Work that a pass must not wait for: it goes on by itself, and its key comes round again when it is done."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Background:
    """At most one task for each name at a time."""

    def __init__(self) -> None:
        self._tasks: dict[object, asyncio.Task[Any]] = {}

    def start(self, name: object, work: Coroutine[Any, Any, Any], then: Callable[[], None]) -> None:
        """`then` is called when the work has ended, however it did."""
        if name in self._tasks:
            work.close()
            return
        # In a context of its own: what it logs does not belong to the pass that began it.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done, then))

    async def wait(self, name: object, seconds: float) -> None:
        """For work that ends soon; what takes longer goes on."""
        if task := self._tasks.get(name):
            await asyncio.wait([task], timeout=seconds)

    def stop(self, name: object) -> None:
        # At once, so that the same work can begin anew before this one has noticed.
        if task := self._tasks.pop(name, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, name: object, done: asyncio.Task[Any], then: Callable[[], None]) -> None:
        if self._tasks.get(name) is done:
            del self._tasks[name]
        if done.cancelled():
            return
        if error := done.exception():
            _log.error("%s failed: %r", name, error, exc_info=error)
        then()
