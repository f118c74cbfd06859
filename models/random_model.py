"""Models with random weights: real files of real sizes that say nothing. The same seed gives the same bytes.

python -m models.random_model tiny PATH
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import gguf
import numpy as np

from models.llama_file import END, Array, Description, Piece, Shape, Tensor, reserved_pieces, tensors_of, write

SIZES = {
    "tiny": Shape(2, 64, 128, heads=4, kv_heads=2, vocabulary=512, context=2048),
    "small": Shape(4, 512, 1408, heads=8, kv_heads=4, vocabulary=32_000, context=8192),
    "mid": Shape(12, 1024, 2816, heads=16, kv_heads=4, vocabulary=32_000, context=8192),
    "midv": Shape(12, 1024, 2816, heads=16, kv_heads=4, vocabulary=128_000, context=8192),
}
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_CHARACTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?:;-'\"()[]{}<>|/_=+*&%$#@\n"
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"
# So low that a character stands alone only where nothing joins it.
_ALONE = -1000.0


def pieces(size: int, seed: int = 0) -> list[Piece]:
    """Invented words of two to five syllables: about one token for each word, and every text can be tokenised."""
    found = {piece.text: piece for piece in reserved_pieces()}
    for character in _CHARACTERS:
        found[character.encode()] = Piece(character.encode(), _ALONE, gguf.TokenType.NORMAL)
    for rank, word in enumerate(_words(seed), start=1):
        if len(found) >= size:
            break
        text = word.encode()
        found.setdefault(text, Piece(text, -float(rank), gguf.TokenType.NORMAL))
    return list(found.values())


def make(path: Path, shape: Shape, seed: int = 0) -> None:
    name = f"rand-{shape.layers}x{shape.width}"
    write(path, Description(name, shape, pieces(shape.vocabulary, seed), TEMPLATE), _weights(shape, seed))


def _words(seed: int) -> Iterator[str]:
    """Short ones first, as those are what longer ones are joined from; endless."""
    syllables = [consonant + vowel for consonant, vowel in product(_CONSONANTS, _VOWELS)]
    yield from syllables
    yield from (f"▁{syllable}" for syllable in syllables)
    for first, second in product(syllables, syllables):
        yield first + second
        yield f"▁{first}{second}"
    rng = random.Random(seed)
    while True:
        begin = "▁" if rng.random() < 0.6 else ""
        yield begin + "".join(rng.choice(syllables) for _ in range(rng.choice((3, 4, 4, 5))))


def _weights(shape: Shape, seed: int) -> Iterator[Array]:
    rng = np.random.default_rng(seed)
    for tensor in tensors_of(shape):
        if len(tensor.dimensions) == 1:
            yield np.ones(tensor.dimensions, dtype=np.float32)
            continue
        values = rng.standard_normal(tensor.dimensions, dtype=np.float32) * np.float32(_spread(tensor))
        if tensor.name == "output.weight":
            # Nothing ends early: an answer has exactly as many tokens as were asked for.
            values[: END + 1] = 0
        yield values


def _spread(tensor: Tensor) -> float:
    """Keeps activations near 1 from layer to layer, and spreads the logits."""
    if tensor.name == "token_embd.weight":
        return 1.0
    fan_in = tensor.dimensions[1]
    return float((4.0 if tensor.name == "output.weight" else 1.0) / np.sqrt(fan_in))


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.random_model", description="Make a model with random weights.")
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    make(given.path, SIZES[given.size], given.seed)


if __name__ == "__main__":
    main()
