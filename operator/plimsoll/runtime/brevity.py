"""How many tokens a text has at least, told without making them: a hostile text would keep a processor for minutes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

# Some control tokens swallow the blanks beside them, however many.
_BLANKS = [ord(each) for each in " \t\n\v\f\r"]
# Letters, because whoever counts them lets no other thread of Python go on.
_AT_ONCE = 1 << 16
_LONGER_THAN_A_BYTE, _CONTINUATIONS = 0x80, slice(0x80, 0xC0)


@dataclass(frozen=True, slots=True)
class Word:
    """One token: its text as the vocabulary has it, and the bytes that it adds to a text."""

    text: bytes
    piece: bytes


@dataclass(frozen=True, slots=True)
class Brevity:
    """`weights` of characters, by their number; `longest` is how much weight one token takes up at most."""

    weights: NDArray[np.int32]
    longest: int

    @classmethod
    def of(cls, kind: str, words: Iterable[Word]) -> Self | None:
        """None: these tokenisers leave out, change or join so much that the length of a text proves nothing."""
        if kind == "llama":
            return cls._of_sentence_pieces(words)
        return cls._of_byte_pairs(words) if kind == "gpt2" else None

    def least(self, text: str) -> int:
        parts = (text[at : at + _AT_ONCE] for at in range(0, len(text), _AT_ONCE))
        return -(-sum(map(self._weight, parts)) // self.longest)

    def _weight(self, text: str) -> int:
        codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.int32)
        return int(self.weights[codes].sum(dtype=np.int64))

    @classmethod
    def _of_sentence_pieces(cls, words: Iterable[Word]) -> Self:
        """A letter that no word of the vocabulary has is written as its bytes, each of them a token."""
        longest, letters = 1, set[str]()
        for word in words:
            longest = max(longest, len(word.text))
            letters.update(word.text.decode(errors="ignore"))
        weights = _widths() * longest
        weights[[ord(letter) for letter in letters]] //= longest
        weights[_BLANKS] = 0
        return cls(weights, longest)

    @classmethod
    def _of_byte_pairs(cls, words: Iterable[Word]) -> Self:
        """A byte that is no token by itself is left out."""
        longest, single = 1, set[int]()
        for word in words:
            # A control token adds nothing to a text, and stands for its name.
            longest = max(longest, len(word.piece or word.text))
            if len(word.piece) == 1:
                single.update(word.piece)
        weights = _widths()
        weights[_left_out(single)] = 0
        weights[_BLANKS] = 0
        return cls(weights, longest)


def _widths() -> NDArray[np.int32]:
    """Bytes of each character in UTF-8."""
    codes = _codes()
    return 1 + (codes >= 0x80).astype(np.int32) + (codes >= 0x800) + (codes >= 0x10000)


def _left_out(single: Collection[int]) -> NDArray[np.bool_]:
    """Characters that have a byte without a token."""
    known = np.zeros(256, dtype=np.bool_)
    known[list(single)] = True
    codes = _codes()
    first = np.select(
        [codes < 0x80, codes < 0x800, codes < 0x10000],
        [codes, 0xC0 | codes >> 6, 0xE0 | codes >> 12],
        0xF0 | codes >> 18,
    )
    missing: NDArray[np.bool_] = ~known[first]
    missing[_LONGER_THAN_A_BYTE:] |= not known[_CONTINUATIONS].all()
    return missing


def _codes() -> NDArray[np.int32]:
    return np.arange(0x110000, dtype=np.int32)
