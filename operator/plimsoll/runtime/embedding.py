"""Vectors for texts: each step computes as many waiting inputs as fit into one batch, each as a sequence of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.context import CannotCompute
from plimsoll.runtime.model import Model
from plimsoll.runtime.requests import Delta, Finish, Job, Usage
from plimsoll.runtime.work import Outcomes, Surroundings


class Embedding:
    def __init__(self, model: Model, around: Surroundings) -> None:
        self._context = model.context
        self._around = around
        self._jobs: list[Job] = []

    @property
    def busy(self) -> int:
        return len(self._jobs)

    @property
    def cache_tokens_used(self) -> int:
        return sum(len(job.prompt) for job in tuple(self._jobs))

    def warm_up(self) -> None:
        self._compute([np.zeros(min(self._context.batch.size, 32), dtype=np.int32)])

    def admit(self, job: Job) -> bool:
        tokens = self.cache_tokens_used + len(job.prompt)
        if len(self._jobs) == self._context.sequences or tokens > self._context.batch.size:
            return False
        self._jobs.append(job)
        return True

    def step(self) -> Outcomes:
        outcomes = [self._end(job, Finish.CANCELLED) for job in self._jobs if job.cancelled]
        wanted = [job for job in self._jobs if not job.cancelled]
        if wanted:
            seconds = self._compute([job.prompt for job in wanted])
            outcomes += [self._vector(job, sequence, seconds) for sequence, job in enumerate(wanted)]
        self._jobs.clear()
        return outcomes

    def end_all(self, finish: Finish, error: str | None = None) -> Outcomes:
        outcomes = [self._end(job, finish, error) for job in self._jobs]
        self._jobs.clear()
        return outcomes

    def close(self) -> None:
        """Nothing is kept between steps."""

    def _compute(self, inputs: list[NDArray[np.int32]]) -> float:
        batch = self._context.batch
        batch.clear()
        for sequence, tokens in enumerate(inputs):
            batch.add_prompt(sequence, tokens, 0, wanted=True)
        batch.want_all()
        started = self._around.clock()
        if not self._context.decode():
            raise CannotCompute("there was no room for a batch of texts", ())
        seconds = self._around.clock() - started
        self._around.counters.steps += 1
        self._around.counters.library_seconds += seconds
        # What is pooled is kept elsewhere; the next texts begin anew.
        self._context.forget_all()
        return seconds

    def _vector(self, job: Job, sequence: int, seconds: float) -> tuple[Job, Delta]:
        vector = self._context.embedding(sequence)
        length = float(np.linalg.norm(vector))
        self._around.counters.prompt_tokens += len(job.prompt)
        self._around.room.service_seconds.add(seconds)
        usage = Usage(len(job.prompt), 0, 0)
        self._around.counters.finished[Finish.STOP] += 1
        return job, Delta(finish=Finish.STOP, usage=usage, embedding=vector / length if length else vector)

    def _end(self, job: Job, finish: Finish, error: str | None = None) -> tuple[Job, Delta]:
        self._around.counters.finished[finish] += 1
        return job, Delta(finish=finish, usage=Usage(0, 0, 0), error=error)
