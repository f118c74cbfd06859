"""What sizing needs to know of a model, taken from the headers of its files and checked on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.plan.gguf import BadHeader, Header, Omitted, Tensor, Value
from plimsoll.plan.gguf_types import FILE_TYPES
from plimsoll.plan.sizing_cache import Cache, caches_of, refuse_unsizable
from plimsoll.plan.sizing_keys import Keys

MOST_LAYERS = 512  # the loader's own limit
_BLOCK = re.compile(r"blk\.(\d{1,4})\.")

# Matrices that the CPU backend copies into another order, and the multiple of rows it takes (ggml 0.25.3, repack.cpp).
_REPACKED: dict[str, dict[str, int]] = {
    "amd64": {"Q4_0": 8, "Q4_K": 8, "Q2_K": 8, "IQ4_NL": 8, "MXFP4": 8},
    "arm64": {"Q4_0": 4, "Q4_K": 8, "Q5_K": 8, "Q6_K": 8, "IQ4_NL": 4, "MXFP4": 4, "Q8_0": 4, "Q1_0": 4},
}
CPUS = tuple(_REPACKED)


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of some tensors, and how many of them each kind of CPU would repack."""

    size: int = 0
    amd64: int = 0
    arm64: int = 0

    def __add__(self, other: Weights) -> Weights:
        return Weights(self.size + other.size, self.amd64 + other.amd64, self.arm64 + other.arm64)

    def repacked(self, cpu: str) -> int:
        return self.amd64 if cpu == "amd64" else self.arm64


@dataclass(frozen=True, slots=True)
class Layer:
    weights: Weights
    cache: Cache


@dataclass(frozen=True, slots=True)
class Model:
    """One model, whole: also when it lies in several files."""

    name: str
    architecture: str
    file_type: str
    parameters: int
    layers: tuple[Layer, ...]
    inputs: Weights  # the token table and whatever else is in no layer: always on the CPU
    outputs: Weights
    tied: Weights  # the token table once more, where it also serves as output matrix
    embedding: int
    heads: int
    widest: int  # numbers per token in the widest step of a layer
    vocabulary: int
    trained_context: int
    causal: bool
    notes: tuple[str, ...]

    @property
    def weights(self) -> Weights:
        return sum((layer.weights for layer in self.layers), self.inputs + self.outputs)


def model_of(header: Header) -> Model:
    """Raises BadHeader for what contradicts itself, CannotSize for a memory that we have no formula for."""
    keys = Keys(header.values)
    _refuse_adapters(keys)
    refuse_unsizable(keys)
    layers = keys.number("block_count", least=1, most=MOST_LAYERS)
    caches, notes = caches_of(keys, layers)
    blocks, inputs, outputs = _places(header.tensors, layers)
    table = next((tensor for tensor in header.tensors if tensor.name == "token_embd.weight"), None)
    has_output = any(tensor.name == "output.weight" for tensor in header.tensors)
    file_type = keys.plain("general.file_type")
    return Model(
        name=_printable(keys.plain("general.name")),
        architecture=keys.architecture,
        file_type=FILE_TYPES.get(file_type, "unknown") if isinstance(file_type, int) else "unknown",
        parameters=sum(_numbers_in(tensor) for tensor in header.tensors),
        layers=tuple(Layer(block, cache) for block, cache in zip(blocks, caches, strict=True)),
        inputs=inputs,
        outputs=outputs,
        tied=Weights() if has_output or table is None else _weights(table, is_matrix=True),
        embedding=keys.number("embedding_length", least=1, most=1 << 20),
        heads=max(keys.per_layer("attention.head_count", layers, most=1 << 12, default=0)),
        widest=_widest(keys, layers),
        vocabulary=_vocabulary(keys, table),
        trained_context=keys.number("context_length", most=1 << 30, default=0),
        causal=keys.plain(f"{keys.architecture}.attention.causal") is not False,
        notes=notes,
    )


def _refuse_adapters(keys: Keys) -> None:
    kind = keys.plain("general.type")
    if isinstance(kind, str) and kind not in ("", "model"):
        raise BadHeader(
            f"the file holds a GGUF of type {kind[:40]!r}, not a model",
            fix="name the model's own file; adapters and projectors go beside it",
        )


def _places(tensors: Sequence[Tensor], layers: int) -> tuple[list[Weights], Weights, Weights]:
    if not tensors:
        raise BadHeader("the file has no tensors", fix="name the file with the weights, not a vocabulary alone")
    blocks, inputs, outputs = [Weights()] * layers, Weights(), Weights()
    for tensor in tensors:
        found = _BLOCK.match(tensor.name)
        if found is None:
            if tensor.name.startswith("output"):
                outputs += _weights(tensor, is_matrix=tensor.name == "output.weight")
            else:
                inputs += _weights(tensor, is_matrix=False)
        elif (index := int(found[1])) < layers:
            blocks[index] += _weights(tensor, is_matrix=tensor.name.endswith(".weight"))
        else:
            raise BadHeader(f"the tensor {tensor.name} belongs to a layer that the model does not have ({layers})")
    return blocks, inputs, outputs


def _weights(tensor: Tensor, *, is_matrix: bool) -> Weights:
    def repacked(cpu: str) -> int:
        multiple = _REPACKED[cpu].get(tensor.kind.name)
        fits = is_matrix and multiple and len(tensor.dimensions) > 1 and tensor.dimensions[1] % multiple == 0
        return tensor.size if fits else 0

    return Weights(tensor.size, repacked("amd64"), repacked("arm64"))


def _numbers_in(tensor: Tensor) -> int:
    return tensor.size // tensor.kind.block_bytes * tensor.kind.block


def _widest(keys: Keys, layers: int) -> int:
    """A layer's widest step: its feed-forward part, all experts of one token, or its attention."""
    most = 1 << 24
    feed_forward = max(keys.per_layer("feed_forward_length", layers, most=most, default=0))
    used = max(keys.per_layer("expert_used_count", layers, most=1 << 12, default=0))
    expert = max(keys.per_layer("expert_feed_forward_length", layers, most=most, default=feed_forward))
    shared = keys.number("expert_shared_feed_forward_length", most=most, default=0)
    heads = max(keys.per_layer("attention.head_count", layers, most=1 << 12, default=0))
    attention = heads * keys.number("attention.key_length", most=1 << 16, default=0)
    inner = 2 * keys.number("ssm.inner_size", most=most, default=0)
    embedding = keys.number("embedding_length", least=1, most=1 << 20)
    return max(feed_forward, used * expert + shared, attention, inner, embedding)


def _vocabulary(keys: Keys, table: Tensor | None) -> int:
    tokens = keys.plain("tokenizer.ggml.tokens")
    rows = table.dimensions[1] if table is not None and len(table.dimensions) == 2 else 0
    listed = tokens.count if isinstance(tokens, Omitted) else 0
    vocabulary = max(listed, rows) or keys.number("vocab_size", most=1 << 24, default=0)
    if not 1 <= vocabulary <= 1 << 24:
        raise BadHeader(f"the header gives the model a vocabulary of {vocabulary:,} tokens")
    return vocabulary


def _printable(value: Value | None) -> str:
    return "".join(char for char in value[:200] if char.isprintable()) if isinstance(value, str) else ""
