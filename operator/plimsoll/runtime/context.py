"""A llama_context: the cache of keys and values, one stream for each slot, and the call that computes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import UserError
from plimsoll.runtime.batch import Batch
from plimsoll.runtime.library import Library
from plimsoll.runtime.settings import Mode, Settings

_CACHE_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}
_NO_ROOM = 1
_POOLING_MEAN, _POOLING_RANK = 1, 4


class CannotCompute(UserError):
    """llama.cpp could not load or compute; `log` is what it said itself."""

    def __init__(self, message: str, log: Sequence[str]) -> None:
        said = f": {log[-1]}" if log else ""
        super().__init__(message + said, fix="The log has what llama.cpp said before.")
        self.log = tuple(log)


class Unservable(UserError):
    """The model is sound, but not made for what it was started for."""


class Context:
    """Belongs to one thread. Every number that comes from a request is checked before it gets here."""

    def __init__(self, library: Library, model: Any, settings: Settings, *, pools: bool) -> None:
        """`pools`: the model says itself how its vectors are pooled."""
        self._library = library
        self._c = library.c
        embeds = settings.mode is Mode.EMBED
        parameters = _embedding(self._c, settings, pools=pools) if embeds else _generating(self._c, settings)
        self._context = self._c.llama_init_from_model(model, parameters)
        if not self._context:
            raise CannotCompute("llama.cpp could not make room to compute", library.log.recent())
        self._memory = self._c.llama_get_memory(self._context)
        _check_purpose(self._c, model, self._context, settings.mode)
        self.sequences = settings.parallel
        # llama.cpp may have made it smaller than asked for, and aborts on a batch that is larger.
        self.batch = Batch(library, self._c.llama_n_batch(self._context), self.sequences)
        self.n_vocab: int = self._c.llama_vocab_n_tokens(self._c.llama_model_get_vocab(model))
        self._width: int = self._c.llama_model_n_embd_out(model)
        # An input for an embedding is computed at once; a prompt in as many pieces as it takes.
        self.tokens_per_request = min(settings.context, self.batch.size) if embeds else settings.context
        self.address = _address(self._context)

    def decode(self) -> bool:
        """Computes the batch. False: there was no room for it, and nothing has changed."""
        batch = self.batch.c
        batch.n_tokens = self.batch.filled
        code = self._c.llama_decode(self._context, batch)
        if code == _NO_ROOM:
            return False
        if code:
            raise CannotCompute(f"llama_decode returned {code}", self._library.log.recent())
        # A GPU may still be at work; waiting for it here keeps the GIL free.
        self._c.llama_synchronize(self._context)
        return True

    def logits(self) -> NDArray[np.float32]:
        """A row for each wanted token of the batch, in its order; the memory is llama.cpp's own until the next step."""
        address = self._library.logits(self.address)
        rows = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(rows, (self.batch.outputs, self.n_vocab))

    def embedding(self, sequence: int) -> NDArray[np.float32]:
        """The pooled vector of one sequence of the batch."""
        pointer = self._c.llama_get_embeddings_seq(self._context, sequence)
        return np.ctypeslib.as_array(pointer, (self._width,)).copy()

    def keep_first(self, sequence: int, count: int) -> int:
        """Forgets what comes after the first `count` tokens; how many are really kept.

        Some models, such as recurrent ones, can only forget a sequence as a whole.
        """
        trimmed = count > 0 and self._c.llama_memory_seq_rm(self._memory, sequence, count, -1)
        if trimmed and self._c.llama_memory_seq_pos_min(self._memory, sequence) == 0:
            return count
        self._c.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return 0

    def copy(self, source: int, target: int) -> None:
        """Between streams only a whole sequence can be copied. The data follows in the next step."""
        self._c.llama_memory_seq_rm(self._memory, target, -1, -1)
        self._c.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget_all(self) -> None:
        if self._memory:
            self._c.llama_memory_clear(self._memory, False)

    def free(self) -> None:
        self.batch.free()
        self._c.llama_free(self._context)


def _generating(c: Any, settings: Settings) -> Any:
    parameters = _common(c, settings)
    parameters.n_ctx = settings.context * settings.parallel
    parameters.n_batch = max(settings.batch_size, settings.parallel)
    parameters.n_ubatch = min(settings.micro_batch_size, parameters.n_batch)
    parameters.n_seq_max = settings.parallel
    # Logits are wanted of one token for each slot; the default keeps room for those of a whole batch.
    parameters.n_outputs_max = settings.parallel
    # A stream for each slot: attention then looks at the tokens of its own sequence only.
    parameters.kv_unified = False
    return parameters


def _embedding(c: Any, settings: Settings, *, pools: bool) -> Any:
    parameters = _common(c, settings)
    # Pooling needs an input whole, so a batch is one micro batch, and streams would cut it into equal pieces.
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = settings.micro_batch_size
    parameters.n_seq_max = settings.parallel
    parameters.kv_unified = True
    parameters.embeddings = True
    if not pools:
        parameters.pooling_type = _POOLING_MEAN
    return parameters


def _common(c: Any, settings: Settings) -> Any:
    parameters = c.llama_context_default_params()
    parameters.n_threads = parameters.n_threads_batch = settings.threads
    parameters.flash_attn_type = 1 if settings.flash_attention else 0
    parameters.type_k = parameters.type_v = _CACHE_TYPES[settings.kv_cache_type]
    parameters.no_perf = True
    return parameters


def _check_purpose(c: Any, model: Any, context: Any, mode: Mode) -> None:
    if mode is Mode.EMBED and c.llama_pooling_type(context) == _POOLING_RANK:
        raise Unservable("This model ranks texts, it makes no vectors of them.", fix="Choose an embedding model.")
    if mode is Mode.GENERATE and (not c.llama_get_memory(context) or c.llama_model_has_encoder(model)):
        fix = "Start the engine with --mode=embed, or choose a model that writes text."
        raise Unservable("This model has no plain decoder, so it cannot write text.", fix=fix)


def _address(pointer: Any) -> int:
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    assert address is not None
    return address
