"""Writes GGUF headers with the true shapes of real models, whole or damaged on purpose, and no weights."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plimsoll.plan.gguf_types import TENSOR_TYPES, VALUE_FORMATS, ValueType

NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


@dataclass(frozen=True)
class Typed:
    """A value that is to be written as a certain type."""

    kind: ValueType
    value: object


@dataclass(frozen=True)
class Listed:
    kind: ValueType
    values: Sequence[object]


Given = int | float | bool | str | Typed | Listed | Sequence[str] | Sequence[int]


@dataclass(frozen=True)
class MadeTensor:
    name: str
    dimensions: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        kind, numbers = TENSOR_TYPES[NUMBERS[self.kind]], 1
        for length in self.dimensions:
            numbers *= length
        return numbers // kind.block * kind.block_bytes


@dataclass(frozen=True)
class Made:
    """A header, where its numbers lie (position and width), and how long the whole file would be."""

    data: bytes
    fields: tuple[tuple[int, int], ...]
    file_size: int

    def with_number(self, index: int, value: int) -> bytes:
        """The header with one of its numbers replaced."""
        at, width = self.fields[index]
        return self.data[:at] + (value % (1 << 8 * width)).to_bytes(width, "little") + self.data[at + width :]


@dataclass
class _Writer:
    data: bytearray = field(default_factory=bytearray)
    fields: list[tuple[int, int]] = field(default_factory=list)

    def u32(self, value: int) -> None:
        self.fields.append((len(self.data), 4))
        self.data += struct.pack("<I", value)

    def u64(self, value: int) -> None:
        self.fields.append((len(self.data), 8))
        self.data += struct.pack("<Q", value)

    def text(self, text: str) -> None:
        raw = text.encode()
        self.u64(len(raw))
        self.data += raw

    def value(self, given: Given) -> None:
        kind, value = _typed(given)
        self.u32(kind)
        if kind is ValueType.ARRAY:
            assert isinstance(value, Listed)
            self.u32(value.kind)
            self.u64(len(value.values))
            for entry in value.values:
                self.scalar(value.kind, entry)
        else:
            self.scalar(kind, value)

    def scalar(self, kind: ValueType, value: object) -> None:
        if kind is ValueType.STRING:
            self.text(str(value))
            return
        self.fields.append((len(self.data), struct.calcsize(VALUE_FORMATS[kind])))
        self.data += struct.pack("<" + VALUE_FORMATS[kind], value)


def _typed(given: Given) -> tuple[ValueType, object]:
    if isinstance(given, Typed):
        return given.kind, given.value
    if isinstance(given, Listed):
        return ValueType.ARRAY, given
    for kind, python in ((ValueType.BOOL, bool), (ValueType.UINT32, int), (ValueType.FLOAT32, float)):
        if isinstance(given, python):
            return kind, given
    if isinstance(given, str):
        return ValueType.STRING, given
    assert isinstance(given, Sequence)
    texts = bool(given) and isinstance(given[0], str)
    return ValueType.ARRAY, Listed(ValueType.STRING if texts else ValueType.INT32, given)


def make(values: Mapping[str, Given], tensors: Sequence[MadeTensor], *, version: int = 3, alignment: int = 32) -> Made:
    writer = _Writer(bytearray(b"GGUF"))
    writer.u32(version)
    writer.u64(len(tensors))
    writer.u64(len(values))
    for key, value in values.items():
        writer.text(key)
        writer.value(value)
    offset = end = 0
    for tensor in tensors:
        writer.text(tensor.name)
        writer.u32(len(tensor.dimensions))
        for length in tensor.dimensions:
            writer.u64(length)
        writer.u32(NUMBERS[tensor.kind])
        writer.u64(offset)
        end = offset + tensor.size
        offset = -(-end // alignment) * alignment
    start = -(-len(writer.data) // alignment) * alignment
    return Made(bytes(writer.data), tuple(writer.fields), start + end if tensors else len(writer.data))


@dataclass(frozen=True)
class Shape:
    """A model of the llama family."""

    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int = 32_000
    context: int = 4096
    architecture: str = "llama"
    tied: bool = False

    @property
    def head(self) -> int:
        return self.embedding // self.heads


LLAMA_7B = Shape(32, 4096, 11_008, 32, 32)
LLAMA_13B = Shape(40, 5120, 13_824, 40, 40)
LLAMA_70B = Shape(80, 8192, 28_672, 64, 8)
# The models that the engine's figures were measured with.
MID = Shape(12, 1024, 2816, 16, 4, context=8192)
MIDV = Shape(12, 1024, 2816, 16, 4, vocabulary=128_000, context=8192)
TINY = Shape(2, 64, 128, 4, 2, vocabulary=512, context=2048)


def values_of(shape: Shape, file_type: int = 15, **more: Given) -> dict[str, Given]:
    """The values that llama.cpp's converter writes; a name in `more` is a key with dots written as two underscores."""
    name = shape.architecture
    values: dict[str, Given] = {
        "general.architecture": name,
        "general.type": "model",
        "general.name": f"rand-{shape.layers}x{shape.embedding}",
        "general.file_type": file_type,
        f"{name}.context_length": shape.context,
        f"{name}.embedding_length": shape.embedding,
        f"{name}.block_count": shape.layers,
        f"{name}.feed_forward_length": shape.feed_forward,
        f"{name}.attention.head_count": shape.heads,
        f"{name}.attention.head_count_kv": shape.kv_heads,
        f"{name}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{name}.vocab_size": shape.vocabulary,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [f"▁{number}" for number in range(shape.vocabulary)],
        "tokenizer.ggml.scores": Listed(ValueType.FLOAT32, [0.0] * shape.vocabulary),
        "tokenizer.ggml.token_type": [1] * shape.vocabulary,
    }
    for key, value in more.items():
        values[key.replace("__", ".")] = value
    return values


def use_more_bits(layer: int, layers: int) -> bool:
    """llama.cpp's own rule for the layers that Q4_K_M keeps in Q6_K."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def tensors_of(shape: Shape, file_type: str = "Q4_K_M") -> list[MadeTensor]:
    """Names, shapes and types as llama-quantize writes them."""
    base = {"Q4_K_M": "Q4_K"}.get(file_type, file_type)
    output = base if base in ("F16", "F32", "BF16", "Q8_0") else "Q6_K"
    table = output if shape.tied else base
    tensors = [MadeTensor("token_embd.weight", (shape.embedding, shape.vocabulary), table)]
    for layer in range(shape.layers):
        tensors += _layer(shape, layer, base, file_type)
    tensors.append(MadeTensor("output_norm.weight", (shape.embedding,), "F32"))
    if not shape.tied:
        tensors.append(MadeTensor("output.weight", (shape.embedding, shape.vocabulary), output))
    return tensors


def _layer(shape: Shape, layer: int, base: str, file_type: str) -> list[MadeTensor]:
    more = "Q6_K" if file_type == "Q4_K_M" and use_more_bits(layer, shape.layers) else base
    # In the model with 80 layers the values are an eighth of the queries, and get one step more.
    values = "Q5_K" if more == "Q4_K" and shape.layers == 80 else more
    kv, wide, own = shape.kv_heads * shape.head, shape.feed_forward, shape.embedding
    matrices = (
        ("attn_q", (own, own), base),
        ("attn_k", (own, kv), base),
        ("attn_v", (own, kv), values),
        ("attn_output", (own, own), base),
        ("ffn_gate", (own, wide), base),
        ("ffn_up", (own, wide), base),
        ("ffn_down", (wide, own), more),
    )
    norms = [MadeTensor(f"blk.{layer}.{name}.weight", (own,), "F32") for name in ("attn_norm", "ffn_norm")]
    return norms + [MadeTensor(f"blk.{layer}.{name}.weight", size, kind) for name, size, kind in matrices]


FILE_TYPE_NUMBERS = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "BF16": 32}


def model(shape: Shape, file_type: str = "Q4_K_M", **more: Given) -> Made:
    return make(values_of(shape, FILE_TYPE_NUMBERS[file_type], **more), tensors_of(shape, file_type))


def write_sparse(path: Path, made: Made) -> None:
    """A file of the true length that takes no room: the header, and a hole where the weights would be."""
    with path.open("wb") as file:
        file.write(made.data)
        file.truncate(made.file_size)


INTERESTING = (
    *(0, 1, 2, 3, 7, 8, 9, 31, 32, 64, 255, 256, 1 << 15, 1 << 16, 1 << 24),
    *((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40),
    *((1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 32, (1 << 64) - 1),
)


def mutate(made: Made, rng: random.Random) -> bytes:
    """One to four damages: numbers that mean something, bits, cuts, copies, swaps."""
    data = made.data
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(_DAMAGES)(data, made, rng)
    return data


def _number(data: bytes, made: Made, rng: random.Random) -> bytes:
    at, width = rng.choice(made.fields)
    if at + width > len(data):
        return data
    old = int.from_bytes(data[at : at + width], "little")
    new = rng.choice((*INTERESTING, old + 1, old - 1, old * 2, rng.getrandbits(64))) % (1 << 8 * width)
    return data[:at] + new.to_bytes(width, "little") + data[at + width :]


def _bit(data: bytes, made: Made, rng: random.Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _bytes(data: bytes, made: Made, rng: random.Random) -> bytes:
    at, count = rng.randint(0, len(data)), rng.randint(1, 16)
    return data[:at] + rng.randbytes(count) + data[at + count :]


def _cut(data: bytes, made: Made, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _remove(data: bytes, made: Made, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.randint(1, 64) :]


def _repeat(data: bytes, made: Made, rng: random.Random) -> bytes:
    at, to = rng.randint(0, len(data)), rng.randint(0, len(data))
    return data[:to] + data[at : at + rng.randint(1, 256)] + data[to:]


_DAMAGES = (_number, _number, _number, _number, _bit, _bytes, _cut, _remove, _repeat)
