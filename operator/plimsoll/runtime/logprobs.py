"""Logarithms of probabilities, as the model itself has them: before bias, penalties, temperature and constraints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.requests import TokenChoice


def choice_of(token: int, row: NDArray[np.float32], top: int) -> TokenChoice:
    """The token that was chosen, and the `top` likeliest ones with theirs, likeliest first."""
    highest = float(row.max())
    normal = highest + float(np.log(np.exp(row - highest, dtype=np.float32).sum(dtype=np.float64)))
    if not top:
        return TokenChoice(token, float(row[token]) - normal)
    likeliest = np.argpartition(row, -top)[-top:]
    likeliest = likeliest[np.argsort(-row[likeliest], kind="stable")]
    return TokenChoice(token, float(row[token]) - normal, tuple((int(at), float(row[at]) - normal) for at in likeliest))
