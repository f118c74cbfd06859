"""Steps that must not take too long, and one look at all of them: a timer for each would cost more than it guards."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

# So much later than it should a step may end.
LOOK_SECONDS = 0.05


class Deadlines:
    """Made and used within one event loop."""

    def __init__(self) -> None:
        self.open: set[Deadline] = set()
        self._looks: asyncio.TimerHandle | None = None

    def begin(self, deadline: Deadline) -> None:
        self.open.add(deadline)
        if self._looks is None:
            self._looks = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for each in [each for each in self.open if each.when is not None and each.when <= now]:
            each.expire()
        self._looks = loop.call_later(LOOK_SECONDS, self._look) if self.open else None


class Deadline:
    """As asyncio.timeout_at: a step of this task that raises TimeoutError when it is overdue."""

    __slots__ = ("_cancels", "_deadlines", "_task", "expired", "over", "when")

    def __init__(self, deadlines: Deadlines, when: float | None) -> None:
        """`when` in seconds of the event loop; None is never. It may be changed at any time."""
        self._deadlines = deadlines
        self.when = when
        self.expired = self.over = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "only a task can be ended"
        self._task = task
        self._cancels = task.cancelling()
        self._deadlines.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over = True
        self._deadlines.open.discard(self)
        # Who was cancelled by somebody else as well stays cancelled.
        if self.expired and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def no_later_than(self, when: float) -> None:
        self.when = when if self.when is None else min(self.when, when)

    def expire(self) -> None:
        if not self.expired and not self.over:
            self.expired = True
            self._task.cancel()
