"""Continuous batching: each step gives every running answer one token, and reads some more of the prompts that wait.

Everything here belongs to the engine's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.choosing import NothingToChoose
from plimsoll.runtime.model import Model
from plimsoll.runtime.pace import STREAMING_STEP_SECONDS, STREAMING_STEP_SECONDS_ON_GPU, Pace
from plimsoll.runtime.requests import Delta, Finish, Job
from plimsoll.runtime.running import ConstraintBroken, Running
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.slots import Placement, make_slots, place
from plimsoll.runtime.work import Outcomes, Surroundings

_MASK_THREADS = 2
_NOTHING = Delta()


class Generation:
    def __init__(self, model: Model, settings: Settings, around: Surroundings) -> None:
        self._model = model
        self._context = model.context
        self._around = around
        self._counters = around.counters
        self._slots = make_slots(settings.parallel, model.context_per_slot)
        self._running: list[Running] = []  # by the number of the slot, as llama.cpp wants them in a batch
        streaming = STREAMING_STEP_SECONDS_ON_GPU if settings.gpu_layers else STREAMING_STEP_SECONDS
        self._pace = Pace(self._context.batch.size, streaming, around.room.prompt_token_seconds)
        self._pool = ThreadPoolExecutor(_MASK_THREADS, thread_name_prefix="mask")
        self._admitted = 0
        self._reuses = True

    @property
    def busy(self) -> int:
        return len(self._running)

    @property
    def cache_tokens_used(self) -> int:
        return sum(slot.length for slot in self._slots)

    def warm_up(self) -> None:
        batch = self._context.batch
        length = min(batch.size, self._model.context_per_slot, 32)
        batch.clear()
        batch.add_prompt(0, np.zeros(length, dtype=np.int32), 0, wanted=True)
        self._context.decode()
        # Some models can only forget a sequence as a whole; then nothing of it can be used again.
        self._reuses = length < 2 or self._context.keep_first(0, 1) == 1
        self._context.forget_all()

    def admit(self, job: Job) -> bool:
        found = place(job.prompt, self._slots)
        if found is None:
            return False
        self._prepare(found)
        running = Running(job, found.slot, self._pool)
        self._admitted += 1
        running.arrival, running.started = self._admitted, self._around.clock()
        self._running.append(running)
        self._running.sort(key=lambda each: each.slot.number)
        self._counters.prompt_tokens += running.cached
        self._counters.cached_tokens += running.cached
        return True

    def step(self) -> Outcomes:
        outcomes: Outcomes = []
        for running in [each for each in self._running if each.job.cancelled]:
            self._finish(running, Finish.CANCELLED, outcomes)
        if answering := self._compute(outcomes):
            for running, logits in zip(answering, self._context.logits(), strict=True):
                self._go_on(running, logits, outcomes)
        return outcomes

    def end_all(self, finish: Finish, error: str | None = None) -> Outcomes:
        outcomes: Outcomes = []
        for running in list(self._running):
            self._finish(running, finish, outcomes, error=error)
        return outcomes

    def close(self) -> None:
        self._pool.shutdown()

    def _prepare(self, found: Placement) -> None:
        slot, common = found.slot, found.common if self._reuses else 0
        if common and found.source is not None:
            self._context.copy(found.source.number, slot.number)
        slot.take(found.source or slot, self._context.keep_first(slot.number, common))

    def _compute(self, outcomes: Outcomes) -> list[Running]:
        """One call of llama.cpp; the requests that get a token by it, in the order of their logits.

        Where it finds no room it is asked for less, and at last the youngest must go.
        """
        reading = [running for running in self._running if running.read < len(running.job.prompt)]
        reading.sort(key=lambda running: running.arrival)
        budget = self._pace.budget(len(self._running) - len(reading))
        while self._running:
            chunks = share_out(budget, reading)
            answering = self._fill(chunks)
            started = self._around.clock()
            if self._context.decode():
                self._note(answering, chunks, self._around.clock() - started)
                return answering
            if chunks and budget > 1:
                budget //= 2
            else:
                youngest = max(self._running, key=lambda running: running.arrival)
                reading = [running for running in reading if running is not youngest]
                self._finish(youngest, Finish.FAILED, outcomes, error="There is no room left in the cache.")
        return []

    def _fill(self, chunks: dict[Running, int]) -> list[Running]:
        """Slot by slot, because llama.cpp computes together only streams whose numbers follow each other."""
        batch = self._context.batch
        batch.clear()
        answering = []
        for running in self._running:
            slot, prompt, read = running.slot, running.job.prompt, running.read
            if read == len(prompt):
                batch.add_token(slot.number, running.last_token, slot.length)
                answering.append(running)
            elif count := chunks.get(running, 0):
                whole = read + count == len(prompt)
                batch.add_prompt(slot.number, prompt[read : read + count], read, wanted=whole)
                if whole:
                    answering.append(running)
        return answering

    def _note(self, answering: list[Running], chunks: dict[Running, int], seconds: float) -> None:
        """Writes down what is in the cache now, and what it took."""
        going_on = 0
        for running in answering:
            if running not in chunks:
                running.slot.append(running.last_token)
                going_on += 1
        for running, count in chunks.items():
            running.slot.extend(running.job.prompt[running.read : running.read + count])
            running.read += count
        read = sum(chunks.values())
        self._pace.learn(read, seconds)
        counters = self._counters
        counters.steps += 1
        counters.prompt_tokens += read
        counters.library_seconds += seconds
        if going_on:
            counters.decode_tokens += going_on
            counters.decode_seconds += seconds

    def _go_on(self, running: Running, logits: NDArray[np.float32], outcomes: Outcomes) -> None:
        try:
            token = running.picker.pick(logits, running.mask())
            running.accept(token)
        except (ConstraintBroken, NothingToChoose) as error:
            self._finish(running, Finish.FAILED, outcomes, error=str(error))
            return
        if token in self._model.eog:
            self._finish(running, Finish.STOP, outcomes)
            return
        running.sampled += 1
        running.last_token = token
        self._counters.completion_tokens += 1
        text = running.text.feed(self._model.piece(token))
        choices = () if running.picker.choice is None else (running.picker.choice,)
        said = Delta(text, (token,), choices, usage=running.usage if running.sampled == 1 else None)
        if (reason := self._reason_to_end(running)) is None:
            running.prepare_mask()
            outcomes.append((running.job, said))
        else:
            self._finish(running, reason, outcomes, said)

    def _reason_to_end(self, running: Running) -> Finish | None:
        constraint = running.job.constraint
        if running.text.stopped or (constraint is not None and constraint.finished):
            return Finish.STOP
        total = len(running.job.prompt) + running.sampled
        full = running.sampled >= running.job.max_tokens or total >= self._model.context_per_slot
        return Finish.LENGTH if full else None

    def _finish(
        self, running: Running, finish: Finish, outcomes: Outcomes, said: Delta = _NOTHING, *, error: str | None = None
    ) -> None:
        """The slot is free at once; what its cache holds stays there for the next request that begins alike."""
        text = said.text + running.text.end()
        last = Delta(text, said.tokens, said.choices, finish, running.usage, error)
        outcomes.append((running.job, last))
        running.slot.release(self._admitted)
        self._running.remove(running)
        self._around.room.service_seconds.add(self._around.clock() - running.started)
        self._counters.finished[finish] += 1


def share_out(budget: int, reading: Sequence[Running]) -> dict[Running, int]:
    """How much of which prompt is read next: the oldest first, so that the first to come is the first to begin."""
    chunks = {}
    for running in reading:
        count = min(budget, len(running.job.prompt) - running.read)
        if count <= 0:
            break
        chunks[running] = count
        budget -= count
    return chunks
