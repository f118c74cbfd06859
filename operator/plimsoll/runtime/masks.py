"""A constraint's mask on a row of logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def allows(mask: NDArray[np.uint32], token: int) -> bool:
    return bool(mask[token >> 5] >> np.uint32(token & 31) & np.uint32(1))


def apply_mask(mask: NDArray[np.uint32], row: NDArray[np.float32]) -> None:
    """Every token that the mask does not allow becomes impossible."""
    refused = np.unpackbits((~mask).view(np.uint8), count=len(row), bitorder="little")
    np.putmask(row, refused.view(np.bool_), -np.inf)
