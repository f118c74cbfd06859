"""One llama_batch for the life of a context, filled through numpy views of its own memory."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.library import Library


class Batch:
    """The tokens of one step. A setting through ctypes would cost a call for each field of each token."""

    def __init__(self, library: Library, size: int, sequences: int) -> None:
        self._library = library
        self.size = size
        self.filled = 0
        self.outputs = 0
        self.c = library.c.llama_batch_init(size, 0, 1)
        self._tokens = _view(self.c.token, ctypes.c_int32, size)
        self._positions = _view(self.c.pos, ctypes.c_int32, size)
        self._wanted = _view(self.c.logits, ctypes.c_int8, size)
        _view(self.c.n_seq_id, ctypes.c_int32, size)[:] = 1
        self._sequences = _view(self.c.seq_id, ctypes.c_uint64, size)
        # Each token points to a list of its sequences; ours all point into this one array. What llama.cpp
        # allocated for them is put back before it frees it.
        self._theirs = self._sequences.copy()
        self._ids = (ctypes.c_int32 * sequences)(*range(sequences))
        first = ctypes.addressof(self._ids)
        self._pointers = [first + ctypes.sizeof(ctypes.c_int32) * sequence for sequence in range(sequences)]

    def clear(self) -> None:
        self.filled = self.outputs = 0

    def add_token(self, sequence: int, token: int, position: int) -> None:
        """One token whose logits are wanted."""
        at = self.filled
        self._tokens[at] = token
        self._positions[at] = position
        self._sequences[at] = self._pointers[sequence]
        self._wanted[at] = 1
        self.filled = at + 1
        self.outputs += 1

    def add_prompt(self, sequence: int, tokens: NDArray[np.int32], position: int, *, wanted: bool) -> None:
        """A piece of a prompt; `wanted`: the logits after its last token."""
        at, end = self.filled, self.filled + len(tokens)
        self._tokens[at:end] = tokens
        self._positions[at:end] = np.arange(position, position + len(tokens), dtype=np.int32)
        self._sequences[at:end] = self._pointers[sequence]
        self._wanted[at:end] = 0
        if wanted:
            self._wanted[end - 1] = 1
            self.outputs += 1
        self.filled = end

    def want_all(self) -> None:
        """For vectors, every token counts."""
        self._wanted[: self.filled] = 1
        self.outputs = self.filled

    def free(self) -> None:
        self._sequences[:] = self._theirs
        self._library.c.llama_batch_free(self.c)


def _view(pointer: Any, kind: Any, size: int) -> NDArray[Any]:
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(kind)), (size,))
