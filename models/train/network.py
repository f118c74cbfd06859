"""The llama architecture in JAX, just enough of it to be trained: what llama.cpp computes from the same tensors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.llama_file import NORM_EPSILON, ROPE_BASE, Shape, tensors_of
from models.train.examples import Rows

Weights = dict[str, Any]
jax.tree_util.register_dataclass(Rows)


def begin(shape: Shape, seed: int) -> Weights:
    """Small random values; what adds to the stream smaller still, as there are many who do."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for tensor in tensors_of(shape):
        if len(tensor.dimensions) == 1:
            weights[tensor.name] = np.ones(tensor.dimensions, dtype=np.float32)
            continue
        spread = 0.02 if "blk." not in tensor.name else tensor.dimensions[1] ** -0.5
        if tensor.name.endswith(("attn_output.weight", "ffn_down.weight")):
            spread /= (2 * shape.layers) ** 0.5
        weights[tensor.name] = rng.standard_normal(tensor.dimensions, dtype=np.float32) * np.float32(spread)
    return weights


def logits(weights: Weights, rows: Rows, shape: Shape) -> Any:
    stream = weights["token_embd.weight"][rows.tokens]
    turns = _turns(rows.place, shape.head)
    visible = _visible(rows)
    for layer in range(shape.layers):
        own = {name.split(".")[2]: value for name, value in weights.items() if name.startswith(f"blk.{layer}.")}
        stream = stream + _attention(own, _norm(stream, own["attn_norm"]), turns, visible)
        stream = stream + _feed_forward(own, _norm(stream, own["ffn_norm"]))
    return _norm(stream, weights["output_norm.weight"]) @ weights["output.weight"].T


def loss(weights: Weights, rows: Rows, shape: Shape) -> Any:
    """How unlikely the answers are, per token of an answer."""
    learned = rows.targets >= 0
    chances = jax.nn.log_softmax(logits(weights, rows, shape))
    chosen = jnp.take_along_axis(chances, jnp.maximum(rows.targets, 0)[..., None], axis=-1)[..., 0]
    return -jnp.sum(chosen * learned) / jnp.sum(learned)


def _norm(values: Any, scale: Any) -> Any:
    return values * jax.lax.rsqrt(jnp.mean(values**2, axis=-1, keepdims=True) + NORM_EPSILON) * scale


def _turns(place: Any, head: int) -> tuple[Any, Any]:
    """Cosine and sine by which each pair of neighbours in a head is turned at each place."""
    speeds = ROPE_BASE ** (-jnp.arange(0, head, 2) / head)
    angles = place[..., None] * speeds
    return jnp.cos(angles)[:, :, None], jnp.sin(angles)[:, :, None]


def _turned(values: Any, turns: tuple[Any, Any]) -> Any:
    cosine, sine = turns
    first, second = values[..., 0::2], values[..., 1::2]
    return jnp.stack([first * cosine - second * sine, first * sine + second * cosine], axis=-1).reshape(values.shape)


def _visible(rows: Rows) -> Any:
    """Who may look at whom: at oneself and what came before, in the same conversation."""
    length = rows.tokens.shape[1]
    before = jnp.tril(jnp.ones((length, length), dtype=bool))
    return before & (rows.owner[:, :, None] == rows.owner[:, None, :])


def _attention(own: Weights, values: Any, turns: tuple[Any, Any], visible: Any) -> Any:
    rows, length, width = values.shape
    head = turns[0].shape[-1] * 2

    def heads(name: str) -> Any:
        return (values @ own[name].T).reshape(rows, length, -1, head)

    query, key, value = _turned(heads("attn_q"), turns), _turned(heads("attn_k"), turns), heads("attn_v")
    # Several heads of queries share one of keys and values.
    shared = query.shape[2] // key.shape[2]
    key, value = jnp.repeat(key, shared, axis=2), jnp.repeat(value, shared, axis=2)
    # As plain products of matrices: written as sums over names, the same takes four times as long on a CPU.
    query, key, value = (each.transpose(0, 2, 1, 3) for each in (query, key, value))
    scores = query @ key.transpose(0, 1, 3, 2) * head**-0.5
    weighed = jax.nn.softmax(jnp.where(visible[:, None], scores, -1e30))
    return (weighed @ value).transpose(0, 2, 1, 3).reshape(rows, length, width) @ own["attn_output"].T


def _feed_forward(own: Weights, values: Any) -> Any:
    return (jax.nn.silu(values @ own["ffn_gate"].T) * (values @ own["ffn_up"].T)) @ own["ffn_down"].T
