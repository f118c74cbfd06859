"""The words of a model, as llguidance needs them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from llguidance import LLTokenizer, TokenizerWrapper
from numpy.typing import NDArray

# Before a text that no answer can spell: a control token is never a part of what a grammar describes.
_CONTROL = b"\xff"
# Nothing is ever joined with it.
_MARK = "\x02"


class Vocabulary(Protocol):
    """What is asked of a model."""

    @property
    def n_vocab(self) -> int: ...

    @property
    def eog(self) -> frozenset[int]: ...

    def piece(self, token: int) -> bytes: ...

    def special_text(self, token: int) -> str: ...

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]: ...


class _Words:
    """In the shape that llguidance's wrapper looks for."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.tokens = [_bytes(vocabulary, token) for token in range(vocabulary.n_vocab)]
        self.special_token_ids = [at for at, text in enumerate(self.tokens) if text.startswith(_CONTROL)]
        self.eos_token_id = min(vocabulary.eog)
        self.bos_token_id = None
        self._mark = self._tokenize(_MARK)

    def __call__(self, text: bytes) -> list[int]:
        """As in the middle of an answer: some tokenisers put a space before whatever a text begins with."""
        found = self._tokenize(_MARK + text.decode())
        return found[len(self._mark) :]

    def _tokenize(self, text: str) -> list[int]:
        found: list[int] = self._vocabulary.tokenize(text, special=False, begin=False).tolist()
        return found


def tokenizer_of(vocabulary: Vocabulary) -> LLTokenizer:
    """Takes about a second for 128,000 tokens: once for a model."""
    return LLTokenizer(TokenizerWrapper(_Words(vocabulary)), eos_token=sorted(vocabulary.eog))


def _bytes(vocabulary: Vocabulary, token: int) -> bytes:
    piece = vocabulary.piece(token)
    return piece or _CONTROL + vocabulary.special_text(token).encode()
