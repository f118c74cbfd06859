"""The answers that one request waits for: what the engine sends, kept until the client has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plimsoll.runtime.requests import Delta, Finish, Job, Usage

# So much text may wait for a client; one that leaves more unread has given up reading.
MOST_UNREAD = 1 << 20
_A_DELTA = 64  # what one weighs besides its text


@dataclass(slots=True, eq=False)
class Answer:
    """One job, from the moment it was wanted, and what is known of it when it has ended."""

    job: Job
    began: float
    first: float | None = None
    ended: float | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    error: str | None = None


class Answers:
    """The jobs of one request. Everything here runs in the thread of the event loop."""

    def __init__(self, clock: Callable[[], float], ended: Callable[[Answer], None]) -> None:
        self.all: list[Answer] = []
        self.abandoned = self.stopped = False
        # Told once: the client is too slow, and when every job has ended.
        self.overflowing: Callable[[], None] = self.abandon
        self.completed: Callable[[], None] | None = None
        self._clock = clock
        self._ended = ended
        self._waiting: list[tuple[int, Delta]] = []
        self._unread = 0
        self._news = asyncio.Event()

    def expect(self, job: Job, began: float) -> None:
        """From now on what comes for the job belongs here."""
        answer = Answer(job, began)
        index = len(self.all)
        self.all.append(answer)

        def sink(delta: Delta) -> None:
            if answer.first is None and delta.tokens:
                answer.first = self._clock()
            if not self.abandoned:
                self._keep(index, delta)
            if delta.finish is not None:
                self._end(answer, delta)

        job.sink = sink

    @staticmethod
    def unexpected(_delta: Delta) -> None:
        """The sink of a job before anybody expects it."""
        raise AssertionError("a job was submitted that nobody expects")

    def refused(self) -> None:
        """The engine did not take the last one that was expected."""
        self.all.pop()

    async def news(self) -> list[tuple[int, Delta]]:
        """What has come since the last time; waits for something, and is empty when nobody wants it any more."""
        if not self._waiting and not self.abandoned:
            self._news.clear()
            await self._news.wait()
        found, self._waiting = self._waiting, []
        self._unread = 0
        return found

    def abandon(self) -> None:
        """Nobody reads on: the engine stops at its next step, and still says what it has counted."""
        self.abandoned = True
        self._waiting.clear()
        self.stop()
        self._news.set()

    def stop(self) -> None:
        """The engine stops at its next step, and whoever reads on still learns what it has counted."""
        self.stopped = True
        for answer in self.running():
            answer.job.cancelled = True

    def running(self) -> Sequence[Answer]:
        return [answer for answer in self.all if answer.finish is None]

    def _keep(self, index: int, delta: Delta) -> None:
        self._waiting.append((index, delta))
        self._unread += len(delta.text) + _A_DELTA
        self._news.set()
        if self._unread > MOST_UNREAD:
            self.overflowing()

    def _end(self, answer: Answer, delta: Delta) -> None:
        answer.ended = self._clock()
        answer.finish, answer.usage, answer.error = delta.finish, delta.usage, delta.error
        self._ended(answer)
        if self.completed is not None and not self.running():
            self.completed()
