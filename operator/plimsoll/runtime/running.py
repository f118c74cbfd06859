"""One request at work in a slot: how far its prompt is read, what was said, and what the next token may be."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.requests import Job, Usage
from plimsoll.runtime.sampling import TokenPicker
from plimsoll.runtime.slots import Slot
from plimsoll.runtime.text import TextStream


class ConstraintBroken(Exception):
    """The constraint of a request cannot be kept; the request ends, and nobody else's."""


class Running:
    __slots__ = (
        "_mask", "_pool", "arrival", "cached", "job", "last_token", "picker", "read", "sampled", "slot", "started",
        "text",
    )  # fmt: skip

    def __init__(self, job: Job, slot: Slot, pool: Executor) -> None:
        self.job = job
        self.slot = slot
        self.picker = TokenPicker(job)
        self.text = TextStream(job.stops)
        self.arrival = 0
        self.started = 0.0
        self.cached = self.read = slot.length
        self.sampled = 0
        self.last_token = -1
        self._pool = pool
        self._mask: Future[NDArray[np.uint32] | None] | None = None
        self.prepare_mask()

    @property
    def usage(self) -> Usage:
        return Usage(self.read, self.cached, self.sampled)

    def prepare_mask(self) -> None:
        """Begins to work out what the next token may be, while llama.cpp computes the logits."""
        if self.job.constraint is not None:
            self._mask = self._pool.submit(self.job.constraint.compute_mask)

    def mask(self) -> NDArray[np.uint32] | None:
        if self._mask is None:
            return None
        if (error := self._mask.exception()) is not None:
            raise ConstraintBroken("The grammar of the request could not be followed.") from error
        mask = self._mask.result()
        if mask is not None and not mask.any():
            raise ConstraintBroken("The grammar of the request allows nothing at this point of the answer.")
        return mask

    def accept(self, token: int) -> None:
        """Tells the constraint what was sampled."""
        constraint = self.job.constraint
        if constraint is not None and not constraint.accept(token):
            raise ConstraintBroken("The model's choice is not allowed by the grammar of the request.")
