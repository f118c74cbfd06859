"""Learns the pieces of the vocabulary: pairs that stand beside each other often become one piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import gguf

from models.llama_file import Piece, reserved_pieces

SPACE = "▁"
ROLES = ("system", "user", "assistant")
# So low that a character stands alone only where nothing joins it.
_ALONE = -1e6


def mark(role: str) -> str:
    """The one token that begins a message of this role."""
    return f"<|{role}|>"


def learn(texts: Sequence[str], most: int) -> list[Piece]:
    """Reserved pieces, one for each role, every character of the texts, then what was joined, most frequent first."""
    kinds = gguf.TokenType
    pieces = reserved_pieces() + [Piece(mark(role).encode(), 0.0, kinds.CONTROL) for role in ROLES]
    words = Counter(word for text in texts for word in _words(text))
    characters = sorted({character for word in words for character in word})
    pieces += [Piece(character.encode(), _ALONE, kinds.NORMAL) for character in characters]
    joined = _join(words, most - len(pieces))
    return pieces + [Piece(text.encode(), -float(rank), kinds.NORMAL) for rank, text in enumerate(joined, start=1)]


def _words(text: str) -> list[str]:
    """A space belongs to the word behind it, as llama.cpp's tokeniser has it."""
    first, *rest = text.split(" ")
    return [word for word in (first, *(SPACE + word for word in rest)) if word]


def _join(words: Counter[str], most: int) -> list[str]:
    parts = {word: list(word) for word in words}
    joined: dict[str, None] = {}
    while len(joined) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, split in parts.items():
            for pair in pairwise(split):
                pairs[pair] += words[word]
        # Ties by the alphabet, so that the same texts give the same vocabulary.
        best = max(pairs, key=lambda pair: (pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        joined["".join(best)] = None
        parts = {word: _joined(split, best) for word, split in parts.items()}
    return list(joined)


def _joined(split: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    for part in split:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return result
