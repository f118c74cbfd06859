"""A whole model without any knowledge, whose tokeniser cuts texts by regular expressions first."""

from __future__ import annotations

from pathlib import Path

from plimsoll.plan.gguf_types import ValueType
from tests.support import gguf_maker
from tests.support.gguf_maker import TINY, Given, Listed

LETTERS = [*"abcdefghijklmnopqrstuvwxyz!Ġ", "ab"]
MARKS = ["<s>", "</s>", "[TOOL_CALLS]"]
NORMAL, CONTROL = 1, 3
BOS, EOS, TOOL_CALLS = (len(LETTERS) + at for at in range(len(MARKS)))


def write(path: Path, *, bos: bool = True, eos: bool = False, **more: Given) -> Path:
    """`more`: further keys of the tokeniser, or others in place of these."""
    tokens = LETTERS + MARKS
    shape = gguf_maker.Shape(**{**TINY.__dict__, "vocabulary": len(tokens)})
    values = gguf_maker.values_of(shape, 1) | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "deepseek-llm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": Listed(ValueType.FLOAT32, [0.0] * len(tokens)),
        "tokenizer.ggml.token_type": Listed(ValueType.INT32, [NORMAL] * len(LETTERS) + [CONTROL] * len(MARKS)),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": BOS,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.add_bos_token": bos,
        "tokenizer.ggml.add_eos_token": eos,
    }
    values |= {f"tokenizer.{name.replace('__', '.')}": value for name, value in more.items()}
    gguf_maker.write_sparse(path, gguf_maker.make(values, gguf_maker.tensors_of(shape, "F16")))
    return path
