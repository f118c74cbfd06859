"""The model files that all servers load: random weights, made once into the user's cache."""

from dataclasses import replace
from pathlib import Path

from models import llama_file, random_model
from models.llama_file import Shape
from tests.support.models import cached, quantised_file

# The name under which every server serves its model.
ALIAS = "bench"
# Computes next to nothing, so that what is left of a token's time is the server around it.
_NEARLY_FREE = Shape(1, 32, 32, heads=1, kv_heads=1, vocabulary=512, context=2048)
# As many tokens to choose from as the large models of today.
MANY_TOKENS = 128_000


def make_all() -> None:
    for kind in ("Q4_K_M", "Q4_0"):
        mid(kind)
    large_vocabulary()
    nearly_free()
    nearly_free(MANY_TOKENS)


def mid(kind: str) -> Path:
    """120 MB, 400 MB before it was quantised."""
    return quantised_file("mid", kind)


def large_vocabulary() -> Path:
    """As `mid`, with many tokens to choose from."""
    return quantised_file("midv", "Q4_0")


def nearly_free(vocabulary: int = _NEARLY_FREE.vocabulary) -> Path:
    shape = replace(_NEARLY_FREE, vocabulary=vocabulary)
    makers = (random_model, llama_file)
    return cached(f"nearly-free-{vocabulary}.gguf", makers, lambda path: random_model.make(path, shape))
