"""The next token from a row of logits, the way one request wants it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.choosing import COLDEST, Lottery, NothingToChoose
from plimsoll.runtime.logprobs import choice_of
from plimsoll.runtime.masks import allows, apply_mask
from plimsoll.runtime.penalties import Bias, Penalties
from plimsoll.runtime.requests import Job, TokenChoice

Row = NDArray[np.float32]
Mask = NDArray[np.uint32]


class TokenPicker:
    """One for each request. Without a lottery the likeliest token is taken."""

    def __init__(self, job: Job) -> None:
        sampling = job.sampling
        self._lottery = Lottery(sampling) if sampling.temperature >= COLDEST else None
        self._bias = Bias(sampling) if sampling.logit_bias else None
        penalised = sampling.frequency_penalty or sampling.presence_penalty or sampling.repeat_penalty != 1.0
        self._penalties = Penalties(sampling, job.prompt) if penalised else None
        self._top = job.top_logprobs
        self._changes_rows = bool(self._bias or self._penalties or job.constraint)
        self.choice: TokenChoice | None = None  # of the last token, where logarithms are wanted

    def pick(self, row: Row, mask: Mask | None) -> int:
        """The row may be changed."""
        original = row.copy() if self._top is not None and self._changes_rows else row
        if self._bias is not None:
            self._bias.apply(row)
        if self._penalties is not None:
            self._penalties.apply(row)
        token = self._likeliest(row, mask) if self._lottery is None else _drawn(self._lottery, row, mask)
        if self._penalties is not None:
            self._penalties.accept(token)
        if self._top is not None:
            self.choice = choice_of(token, original, self._top)
        return token

    def _likeliest(self, row: Row, mask: Mask | None) -> int:
        token = int(row.argmax())
        # The likeliest of all is the likeliest of those allowed too, if it is one of them.
        if mask is not None and not allows(mask, token):
            apply_mask(mask, row)
            token = int(row.argmax())
        # What is no number counts as the largest.
        if np.isnan(row[token]):
            raise NothingToChoose
        return token


def _drawn(lottery: Lottery, row: Row, mask: Mask | None) -> int:
    if mask is not None:
        apply_mask(mask, row)
    return lottery.choose(row)
