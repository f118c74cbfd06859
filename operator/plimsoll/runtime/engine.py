"""The engine: one thread that owns the context and does all the computing, and the door to it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from plimsoll.runtime.checking import check_job
from plimsoll.runtime.embedding import Embedding
from plimsoll.runtime.generation import Generation
from plimsoll.runtime.model import Model
from plimsoll.runtime.requests import Delta, Finish, Job, Usage
from plimsoll.runtime.settings import Mode, Settings
from plimsoll.runtime.statistics import Counters, Heartbeat, Statistics
from plimsoll.runtime.waiting import Draining, WaitingRoom
from plimsoll.runtime.work import Outcomes, Surroundings, Work

logger = logging.getLogger(__name__)

Deliver = Callable[[Outcomes], None]

_SEATS_FOR_EACH_SLOT = 4
_LONGEST_HOLD_SECONDS = 0.0005
_FAILED = "The engine has failed and is being restarted. Try again in a moment."


class Engine:
    """`deliver` is called by the engine's thread, once for each step that has something to tell.

    Whoever submits takes a seat in `room` first, before anything of a request is prepared, and gives it back when
    its last delta has come; this belongs to the thread of the event loop.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings,
        deliver: Deliver,
        *,
        on_failure: Callable[[BaseException], None] = lambda _error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._mode = settings.mode
        self._deliver = deliver
        self._on_failure = on_failure
        self._clock = clock
        seats = _SEATS_FOR_EACH_SLOT * settings.parallel if settings.waiting is None else settings.waiting
        self.room = WaitingRoom(settings.parallel, seats, settings.queue_seconds)
        self._counters = Counters()
        around = Surroundings(self.room, clock, self._counters)
        self._work: Work = (
            Embedding(model, around) if settings.mode is Mode.EMBED else Generation(model, settings, around)
        )
        self._slots = settings.parallel
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._warm: Future[None] = Future()
        self._deadline: float | None = None  # set while draining
        self._progress_at = clock()
        self._thread = threading.Thread(target=self._guarded, name="engine", daemon=True)

    def start(self) -> None:
        """Computes once, so that the first request is as fast as the next, then begins to take requests."""
        # After each step this thread needs the interpreter back, and the event loop may have it for so long.
        sys.setswitchinterval(_LONGEST_HOLD_SECONDS)
        self._thread.start()
        self._warm.result()

    def submit(self, job: Job) -> None:
        """Raises Busy, Draining, or InvalidJob; then nothing of the job is kept."""
        generates = self._mode is Mode.GENERATE
        check_job(job, self._model.n_vocab, self._model.context_per_slot, generates=generates)
        with self._changed:
            if self._deadline is not None:
                raise Draining
            free = len(self._waiting) + self._work.busy < self._slots
            self.room.enter(len(job.prompt), slot_is_free=free)
            if not self._waiting and not self._work.busy:
                self._progress_at = self._clock()
            job.since = self._clock()
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """The slot is free before the next step; what was computed is told and counted."""
        job.cancelled = True

    def drain(self, deadline: float) -> None:
        """Nothing new is taken. The thread ends when all is finished, or cuts what is left at the deadline."""
        with self._changed:
            self._deadline = deadline
            self._changed.notify()

    def stop(self) -> None:
        self.drain(self._clock())
        self.join()

    def join(self, timeout: float | None = None) -> bool:
        """Whether the thread has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def heartbeat(self) -> Heartbeat:
        return Heartbeat(self._progress_at, bool(self._waiting or self._work.busy))

    def statistics(self) -> Statistics:
        counters = self._counters
        return Statistics(
            slots=self._slots,
            slots_busy=self._work.busy,
            waiting=len(self._waiting),
            cache_tokens_used=self._work.cache_tokens_used,
            cache_tokens=self._slots * self._model.context_per_slot,
            prompt_tokens=counters.prompt_tokens,
            cached_tokens=counters.cached_tokens,
            completion_tokens=counters.completion_tokens,
            steps=counters.steps,
            decode_tokens=counters.decode_tokens,
            decode_seconds=counters.decode_seconds,
            library_seconds=counters.library_seconds,
            busy_seconds=counters.busy_seconds,
            finished=dict(counters.finished),
            last_progress=self._progress_at,
        )

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:
            logger.exception("the engine's thread has failed")
            self._fail(error)

    def _run(self) -> None:
        if not self._warm_up():
            return
        while self._await_work():
            started = self._clock()
            outcomes = self._drop(lambda job: job.cancelled, Finish.CANCELLED)
            self._admit()
            outcomes += self._drop(self._waits_too_long, Finish.EXPIRED)
            outcomes += self._work.step()
            if self._deadline is not None and self._clock() >= self._deadline:
                outcomes += self._end_all(Finish.DRAINED)
            self._publish(outcomes)
            self._progress_at = self._clock()
            self._counters.busy_seconds += self._progress_at - started
        self._work.close()

    def _warm_up(self) -> bool:
        """In this thread, because OpenMP keeps helpers for every thread that ever computed.

        Where there are more of them than processors, all go to sleep between two pieces of work instead of waiting
        awake, and a single stream is half as fast.
        """
        try:
            self._work.warm_up()
        except BaseException as error:  # noqa: BLE001 - told to whoever started the engine
            self._warm.set_exception(error)
            return False
        self._progress_at = self._clock()
        self._warm.set_result(None)
        return True

    def _await_work(self) -> bool:
        """False when there will be no more."""
        with self._changed:
            while not self._waiting and not self._work.busy:
                if self._deadline is not None:
                    return False
                self._changed.wait()
        return True

    def _admit(self) -> None:
        # Only this thread takes from the left, so whoever is first stays first while we look for a slot.
        while self._waiting and self._work.admit(self._waiting[0]):
            with self._changed:
                self.room.leave(len(self._waiting.popleft().prompt))

    def _waits_too_long(self, job: Job) -> bool:
        return job.patience is not None and self._clock() - job.since >= job.patience

    def _drop(self, gone: Callable[[Job], bool], finish: Finish) -> Outcomes:
        with self._changed:
            dropped = [job for job in self._waiting if gone(job)]
            for job in dropped:
                self._waiting.remove(job)
        return self._never_begun(dropped, finish)

    def _end_all(self, finish: Finish, error: str | None = None) -> Outcomes:
        outcomes = self._work.end_all(finish, error)
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        return outcomes + self._never_begun(left, finish, error)

    def _never_begun(self, jobs: list[Job], finish: Finish, error: str | None = None) -> Outcomes:
        if jobs:
            self._counters.finished[finish] += len(jobs)
            with self._changed:
                self.room.leave(sum(len(job.prompt) for job in jobs))
        again = self.room.retry_after() if finish is Finish.EXPIRED else None
        return [(job, Delta(finish=finish, usage=Usage(0, 0, 0), error=error, retry_after=again)) for job in jobs]

    def _publish(self, outcomes: Outcomes) -> None:
        if outcomes:
            self._deliver(outcomes)

    def _fail(self, error: BaseException) -> None:
        """Whoever waits is told, whatever state we are in: a client that hears nothing waits for ever."""
        with self._changed:
            self._deadline = self._clock()
        try:
            self._publish(self._end_all(Finish.FAILED, _FAILED))
        except Exception:
            # What we end or deliver to may be what has failed. The process ends in any case.
            logger.exception("those who wait could not be told")
        finally:
            self._on_failure(error)
