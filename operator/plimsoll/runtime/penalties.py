"""What a request asks to add to the logits of a few tokens: bias, and penalties for what was said already."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.requests import Sampling

Row = NDArray[np.float32]


class Bias:
    """`logit_bias`, applied in place to the tokens that it names and to nothing else."""

    def __init__(self, sampling: Sampling) -> None:
        self._tokens = np.fromiter(sampling.logit_bias.keys(), dtype=np.int64)
        self._values = np.fromiter(sampling.logit_bias.values(), dtype=np.float32)

    def apply(self, row: Row) -> None:
        row[self._tokens] += self._values


class Penalties:
    """Frequency and presence count what the answer has said; `repeat_penalty` the prompt as well.

    Only tokens that were seen are touched, so the cost does not grow with the vocabulary.
    """

    def __init__(self, sampling: Sampling, prompt: NDArray[np.int32]) -> None:
        self._frequency = sampling.frequency_penalty
        self._presence = sampling.presence_penalty
        self._repeat = sampling.repeat_penalty
        self._said = _Counts()
        self._seen = _Counts(dict.fromkeys(prompt.tolist()) if self._repeat != 1.0 else ())

    def accept(self, token: int) -> None:
        self._said.add(token)
        if self._repeat != 1.0:
            self._seen.add(token)

    def apply(self, row: Row) -> None:
        if self._repeat != 1.0:
            seen = self._seen.tokens
            logits = row[seen]
            row[seen] = np.where(logits > 0, logits / self._repeat, logits * self._repeat)
        if self._frequency or self._presence:
            row[self._said.tokens] -= self._said.counts * np.float32(self._frequency) + np.float32(self._presence)


class _Counts:
    """Distinct tokens and how often each was seen, kept as arrays from token to token."""

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self._places: dict[int, int] = {}
        self._tokens = np.zeros(64, dtype=np.int64)
        self._counts = np.zeros(64, dtype=np.float32)
        for token in tokens:
            self.add(token)

    @property
    def tokens(self) -> NDArray[np.int64]:
        return self._tokens[: len(self._places)]

    @property
    def counts(self) -> NDArray[np.float32]:
        return self._counts[: len(self._places)]

    def add(self, token: int) -> None:
        place = self._places.setdefault(token, len(self._places))
        if place == len(self._tokens):
            self._tokens = np.concatenate([self._tokens, np.zeros_like(self._tokens)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._tokens[place] = token
        self._counts[place] += 1
