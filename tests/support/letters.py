"""A vocabulary of bytes, and whether a grammar admits a text."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from plimsoll.runtime.constraints.limits import parser_limits
from plimsoll.runtime.constraints.matching import Matching
from plimsoll.runtime.constraints.sources import from_gbnf
from plimsoll.runtime.constraints.vocabulary import tokenizer_of

END = 256


class Letters:
    """Byte b is token b; token 256 ends a text."""

    n_vocab = 257
    eog = frozenset({END})

    def piece(self, token: int) -> bytes:
        return b"" if token == END else bytes([token])

    def special_text(self, token: int) -> str:
        return "</s>"

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


_TOKENIZER = tokenizer_of(Letters())


def gbnf(text: str) -> str:
    return from_gbnf(text)


def matching(grammar: str) -> Matching:
    matcher = LLMatcher(_TOKENIZER, grammar, log_level=0, limits=parser_limits())
    assert not matcher.is_error(), matcher.get_error()
    return Matching(matcher, Letters.n_vocab)


def admits(grammar: str, text: str) -> bool:
    """Whether this may be the whole text, byte by byte, as the masks say."""
    match = matching(grammar)
    return all(_may(match, byte) and match.accept(byte) for byte in text.encode()) and _may(match, END)


def _may(match: Matching, token: int) -> bool:
    mask = match.compute_mask()
    return bool(mask[token // 32] >> (token % 32) & 1)
