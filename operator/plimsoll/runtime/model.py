"""One model file in memory: its words, its template, what it says of itself."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.api.reasons import Reason
from plimsoll.runtime.brevity import Brevity, Word
from plimsoll.runtime.context import CannotCompute, Context
from plimsoll.runtime.endings import CannotServe
from plimsoll.runtime.library import Library, load_library
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.stretches import pieces

_MAPPED, _READ = 1, 0
_LONGEST_PIECE = 1 << 16
_BYTES_OF_UTF8 = {*range(0xC0), *range(0xC2, 0xF5)}
_BPE = 2  # the tokenisers that cut texts by regular expressions


class Model:
    """Made by `load`. What it knows never changes, so both threads may ask; only the engine's uses `context`."""

    def __init__(self, library: Library, pointer: Any, settings: Settings) -> None:
        self.library = library
        self._c = library.c
        self._pointer = pointer
        self._vocabulary = self._c.llama_model_get_vocab(pointer)
        self.n_vocab: int = self._c.llama_vocab_n_tokens(self._vocabulary)
        self.embedding_width: int = self._c.llama_model_n_embd_out(pointer)
        self.metadata: Mapping[str, str] = _metadata(self._c, pointer)
        self.chat_template = _template(self._c, pointer, None)
        self.tool_template = _template(self._c, pointer, b"tool_use")
        self.adds_bos: bool = self._c.llama_vocab_get_add_bos(self._vocabulary)
        self.bos_token: int = self._c.llama_vocab_bos(self._vocabulary)
        self.eos_token: int = self._c.llama_vocab_eos(self._vocabulary)
        self._cuts_texts = self._c.llama_vocab_type(self._vocabulary) == _BPE
        self.eog = frozenset(
            token for token in range(self.n_vocab) if self._c.llama_vocab_is_eog(self._vocabulary, token)
        )
        self._pieces: list[bytes | None] = [None] * self.n_vocab
        kind = self.metadata.get("tokenizer.ggml.model", "")
        self._brevity = Brevity.of(kind, self._words())
        if kind == "llama":
            _check_bytes(self._pieces)
        self.context = Context(library, pointer, settings, pools=_pools(self.metadata))
        self.context_per_slot = self.context.tokens_per_request

    @classmethod
    def load(cls, path: Path, settings: Settings, progress: Callable[[float], bool] = lambda _share: True) -> Model:
        """`progress` is told the share that is loaded, and stops the loading when it returns False."""
        library = load_library()
        library.log.forget()
        parameters = library.c.llama_model_default_params()
        parameters.n_gpu_layers = settings.gpu_layers
        parameters.load_mode = _MAPPED if settings.map_weights else _READ
        callback = library.c.llama_progress_callback(lambda share, _data: bool(progress(share)))
        parameters.progress_callback = callback
        pointer = library.c.llama_model_load_from_file(str(path).encode(), parameters)
        if not pointer:
            raise CannotCompute(f"llama.cpp could not load {path.name}", library.log.recent())
        return cls(library, pointer, settings)

    @property
    def bos_text(self) -> str:
        return self.special_text(self.bos_token)

    @property
    def eos_text(self) -> str:
        return self.special_text(self.eos_token)

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]:
        """`special`: names of control tokens in the text become these tokens.

        `begin`: with what the model wants at the beginning of a text, and at its end.
        """
        if not self._cuts_texts:
            return self._tokens(text, special=special, begin=begin)
        parts = list(pieces(text))
        if len(parts) == 1:
            return self._tokens(text, special=special, begin=begin)
        # Only the whole text has a beginning and an end.
        edges = self._tokens("", special=special, begin=begin)
        first = int(begin and self.adds_bos)
        middle = [self._tokens(part, special=special, begin=False) for part in parts]
        return np.concatenate([edges[:first], *middle, edges[first:]])

    def least_tokens(self, text: str) -> int:
        """`tokenize` gives at least so many, and may take thousands of times as long to say it."""
        return 0 if self._brevity is None else self._brevity.least(text)

    def show(self, name: str) -> None:
        """From now on this control token adds its name to a text, for whoever has to find it there."""
        tokens = self._tokens(name, special=True, begin=False)
        if len(tokens) == 1:
            self._pieces[int(tokens[0])] = name.encode()

    def piece(self, token: int) -> bytes:
        """What the token adds to a text; nothing for a control token that nobody wants shown."""
        piece = self._pieces[token]
        if piece is None:
            piece = self._pieces[token] = self._piece(token, special=False)
        return piece

    def special_text(self, token: int) -> str:
        """The token's text, also of a control token; empty where the model has no such token."""
        return "" if token < 0 else self._piece(token, special=True).decode(errors="replace")

    def _words(self) -> Iterator[Word]:
        for token in range(self.n_vocab):
            yield Word(self._c.llama_vocab_get_text(self._vocabulary, token), self.piece(token))

    def _tokens(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]:
        data = text.encode(errors="replace")
        room = len(data) + 8
        while True:
            tokens = np.empty(room, dtype=np.int32)
            pointer = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
            count = self._c.llama_tokenize(self._vocabulary, data, len(data), pointer, room, begin, special)
            if count >= 0:
                return tokens[:count].copy()
            room = -count

    def free(self) -> None:
        self.context.free()
        self._c.llama_model_free(self._pointer)

    def _piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while room <= _LONGEST_PIECE:
            buffer = ctypes.create_string_buffer(room)
            length = self._c.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, special)
            if length >= 0:
                return buffer.raw[:length]
            room = -length
        return b""


def _metadata(c: Any, model: Any) -> dict[str, str]:
    read_key, read_value = c.llama_model_meta_key_by_index, c.llama_model_meta_val_str_by_index
    return {_text(read_key, model, at): _text(read_value, model, at) for at in range(c.llama_model_meta_count(model))}


def _check_bytes(pieces: Iterable[bytes | None]) -> None:
    """A letter that no token has is written as bytes, and llama.cpp ends the process when it has none for one."""
    missing = _BYTES_OF_UTF8 - {piece[0] for piece in pieces if piece and len(piece) == 1}
    if missing:
        raise CannotServe(
            Reason.MODEL_UNSUPPORTED,
            f"the vocabulary has no token for the byte 0x{min(missing):02X}, which texts may have",
        )


def _pools(metadata: Mapping[str, str]) -> bool:
    return any(key.endswith(".pooling_type") and value != "0" for key, value in metadata.items())


def _text(read: Any, model: Any, at: int) -> str:
    room = 1024
    while True:
        buffer = ctypes.create_string_buffer(room)
        length = read(model, at, buffer, room)
        if length < room:
            return buffer.value.decode(errors="replace")
        room = length + 1


def _template(c: Any, model: Any, name: bytes | None) -> str | None:
    text = c.llama_model_chat_template(model, name)
    return None if text is None else text.decode(errors="replace")
