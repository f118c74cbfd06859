"""A small header for each kind of model that sizing tells apart: so short that damage hits something."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.plan.gguf_types import ValueType
from tests.support.gguf_maker import Given, Listed, Made, MadeTensor, Shape, make, tensors_of, values_of

_U32 = ValueType.UINT32
SMALL = Shape(4, 64, 128, 4, 2, vocabulary=8, context=2048)


def described(architecture: str, **keys: Given) -> dict[str, Given]:
    """The values of a small model of this architecture; a key `a__b` is written as `<architecture>.a.b`."""
    shape = Shape(**{**SMALL.__dict__, "architecture": architecture})
    values = values_of(shape, 1)
    for key, value in keys.items():
        values[f"{architecture}.{key.replace('__', '.')}"] = value
    return values


def small(architecture: str = "llama", **keys: Given) -> Made:
    return make(described(architecture, **keys), tensors_of(SMALL, "F16"))


def experts() -> Made:
    own = [
        MadeTensor(f"blk.{layer}.ffn_{name}_exps.weight", (64, 32, 8), "Q4_0")
        for layer in range(SMALL.layers)
        for name in ("gate", "up", "down")
    ]
    keys: dict[str, Given] = {"expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 32}
    return make(described("qwen3moe", **keys), tensors_of(SMALL, "F16") + own)


def recurrent() -> Made:
    keys: dict[str, Given] = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16}
    values = described("mamba", **keys)
    for key in ("mamba.attention.head_count", "mamba.attention.head_count_kv"):
        values[key] = 0
    return make(values, tensors_of(SMALL, "F16"))


MODELS: dict[str, Callable[[], Made]] = {
    "plain": small,
    "version 2": lambda: make(values_of(SMALL, 1), tensors_of(SMALL, "F16"), version=2),
    "experts": experts,
    "latent": lambda: small("deepseek2", attention__key_length_mla=16, attention__value_length_mla=16),
    "windows": lambda: small("gemma3", attention__sliding_window=512),
    "windows by list": lambda: small(
        "gemma4", attention__sliding_window=512, attention__sliding_window_pattern=[1, 1, 1, 0]
    ),
    "recurrent": recurrent,
    "hybrid": lambda: small(
        "jamba",
        attention__head_count_kv=Listed(_U32, [0, 0, 0, 2]),
        ssm__conv_kernel=4,
        ssm__inner_size=128,
        ssm__state_size=16,
    ),
    "encoder": lambda: small("bert", attention__causal=False),
    "one part of two": lambda: make(
        {**values_of(SMALL, 1), "split.no": 0, "split.count": 2, "split.tensors.count": 39},
        tensors_of(SMALL, "F16"),
    ),
}
