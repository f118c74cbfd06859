"""Calls that wait for a limit: in a line, woken by whoever ends and by the edge of a window, never by asking again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plimsoll.cost.record import Outcome
from plimsoll.ledger.holds import Ask, Granted, Holds, Refused
from plimsoll.ledger.line import Line, Waiting

_NANO = 1_000_000_000


class Left(Exception):
    """It has to end before it was let in."""


class WaitingRoom:
    """The one way to the holds. `clock` is in nanoseconds and never goes back."""

    def __init__(self, holds: Holds, clock: Callable[[], int], patience: float) -> None:
        self._holds = holds
        self._clock = clock
        self._patience = round(patience * _NANO)
        self._line = Line(holds)
        self._answers: dict[str, asyncio.Future[Granted | Refused | None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._line)

    def enter(self, ask: Ask) -> Granted | Refused | Waiting:
        """Whoever gets Waiting has to `wait`."""
        found = self._line.enter(ask, self._clock(), self._patience)
        if isinstance(found, Waiting):
            self._answers[ask.request] = asyncio.get_running_loop().create_future()
            self._set_timer()
        return found

    async def wait(self, request: str, stopped: asyncio.Future[Outcome]) -> Granted | Refused:
        """Raises Left when `stopped` comes first."""
        answer, leave = self._answers[request], self._leaver(request)
        stopped.add_done_callback(leave)
        try:
            told = await answer
        finally:
            stopped.remove_done_callback(leave)
            # Only when whoever waited was itself ended.
            if self._answers.pop(request, None) is not None:
                self._line.leave(request)
        if told is None:
            raise Left
        return told

    def settle(self, request: str, tokens: int) -> None:
        if self._holds.settle(request, tokens) and self._answers:
            self.look()

    def look(self) -> None:
        """Soon, and once for all that ends meanwhile: somebody may be let in now."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._advance)

    def expire(self) -> list[str]:
        return self._holds.expire(self._clock())

    def _leaver(self, request: str) -> Callable[[asyncio.Future[Outcome]], None]:
        def leave(_stopped: asyncio.Future[Outcome]) -> None:
            answer = self._answers.pop(request, None)
            if answer is not None:
                self._line.leave(request)
                answer.set_result(None)
                # Whoever stood behind it may be the next.
                self.look()

        return leave

    def _advance(self) -> None:
        self._soon = None
        for found in self._line.advance(self._clock()):
            self._answers.pop(found.request).set_result(found)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wakes_at = self._line.wakes_at()
        if wakes_at is not None:
            seconds = max(0, wakes_at - self._clock()) / _NANO
            self._timer = asyncio.get_running_loop().call_later(seconds, self._advance_by_time)

    def _advance_by_time(self) -> None:
        self._timer = None
        self._advance()
