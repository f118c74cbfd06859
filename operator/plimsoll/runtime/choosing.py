"""Choosing a token by chance: temperature over the likeliest candidates, narrowed by top_k, top_p and min_p."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.requests import Sampling

Row = NDArray[np.float32]

# Looking at a whole vocabulary costs milliseconds, and the tokens behind these have no chance to speak of.
USUAL_TOP_K = 1024
# Colder than this nothing but the likeliest token is ever chosen, and divisions overflow.
COLDEST = 1e-3


class NothingToChoose(Exception):
    """No token has a probability."""

    def __init__(self) -> None:
        super().__init__("The model's answer is no number: the file is damaged, or the request allows no token.")


class Lottery:
    """For one request. The same seed draws the same tokens from the same logits."""

    def __init__(self, sampling: Sampling) -> None:
        self._top_k = USUAL_TOP_K if sampling.top_k is None else sampling.top_k
        self._top_p = sampling.top_p
        self._min_p = sampling.min_p
        self._temperature = np.float32(sampling.temperature)
        self._draw = random.Random(sampling.seed).random  # noqa: S311 - a seed must give the same answer again

    def choose(self, row: Row) -> int:
        candidates, logits = self._candidates(row)
        highest = logits.max()
        if not np.isfinite(highest):
            raise NothingToChoose
        relative = logits - highest
        if self._min_p > 0.0:
            relative[relative < np.log(self._min_p)] = -np.inf
        sums = np.exp(relative / self._temperature).cumsum()
        # In double precision the draw is below the last sum, so that a token without a probability is never met.
        place = int(sums.searchsorted(self._draw() * float(sums[-1]), side="right"))
        return place if candidates is None else int(candidates[place])

    def _candidates(self, row: Row) -> tuple[NDArray[np.intp] | None, Row]:
        """The tokens that top_k and top_p leave, with their logits; None: all of them."""
        candidates = _likeliest(row, self._top_k) if 0 < self._top_k < len(row) else None
        logits = row if candidates is None else row[candidates]
        if self._top_p >= 1.0:
            return candidates, logits
        # Of the model's own probabilities, before temperature, as llama.cpp does.
        order = (-logits).argsort()
        logits = logits[order]
        sums = np.exp(logits - logits[0]).cumsum()
        kept = int(sums.searchsorted(self._top_p * sums[-1])) + 1
        order = order[:kept]
        return order if candidates is None else candidates[order], logits[:kept]


def _likeliest(row: Row, count: int) -> NDArray[np.intp]:
    """The `count` likeliest tokens, in the order of their numbers, without sorting a large vocabulary.

    It is folded into four groups for each one that is wanted. The `count`-th largest of the groups'
    largest logits is a bound that at least `count` tokens reach, and few others do.
    """
    folds = len(row) // (4 * count)
    if folds < 4:
        return np.sort(np.argpartition(row, -count)[-count:])
    width = len(row) // folds
    largest = row[: folds * width].reshape(folds, width).max(axis=0)
    largest.partition(width - count)
    bound = largest[width - count]
    # Where a grammar allows less than was wanted, the bound is what the refused ones have: they are no candidates.
    few = bound == -np.inf
    found = np.flatnonzero(row > bound if few else row >= bound)
    if len(found) < (1 if few else count):
        raise NothingToChoose  # what is no number is above every bound and reaches none
    return found if len(found) <= count else found[np.sort(np.argpartition(row[found], -count)[-count:])]
