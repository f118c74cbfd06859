"""One answer that has to fulfil a grammar."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from plimsoll.runtime.constraints.errors import ConstraintFailed


class Matching:
    """A `Constraint` of `requests`."""

    def __init__(self, matcher: LLMatcher, n_vocab: int) -> None:
        self._matcher = matcher
        self._mask = np.zeros((n_vocab + 31) // 32, dtype=np.uint32)
        self._address = self._mask.ctypes.data

    def compute_mask(self) -> NDArray[np.uint32]:
        """The same array each time. Releases the GIL while it thinks."""
        self._matcher.unsafe_compute_mask_ptr(self._address, self._mask.nbytes)
        if self._matcher.is_error():
            raise ConstraintFailed("the grammar became too complex for the answer so far")
        return self._mask

    def accept(self, token: int) -> bool:
        return bool(self._matcher.consume_token(token))

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())
