"""What asyncio.timeout does, told which loop it is in: that one asks again and again, each time by a system call."""

from __future__ import annotations

import asyncio


class Deadline:
    """Begun and ended by the task that it is for. In seconds of the loop's clock; None is never."""

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float | None) -> None:
        self.when = when
        self.expired = False
        self._loop = loop
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Somebody else may have wanted the task to end before.
        self._cancelling = 0

    def begin(self) -> None:
        task = self._task = asyncio.current_task(self._loop)
        assert task is not None, "only a task can be interrupted"
        self._cancelling = task.cancelling()
        self.reschedule(self.when)

    def reschedule(self, when: float | None) -> None:
        self.when = when
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, self._expire)

    def end(self, error: BaseException | None) -> None:
        """Raises TimeoutError where it was this that ended what was under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task, self._task = self._task, None
        if self.expired and task is not None:
            # Whoever else wanted the task to end has not been heard yet.
            mine = task.uncancel() <= self._cancelling
            if mine and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def _expire(self) -> None:
        self._timer = None
        if self._task is not None:
            self.expired = True
            self._task.cancel()
