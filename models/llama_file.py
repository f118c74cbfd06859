"""Writes a GGUF file of the llama architecture, one tensor at a time, so that a big model needs little memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

UNKNOWN, BEGIN, END = 0, 1, 2
ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Shape:
    """Widths are multiples of 32 for the old quantisations and of 256 for the K ones."""

    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int

    @property
    def head(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary. The tokeniser joins neighbours, those with the highest score first."""

    text: bytes
    score: float
    kind: gguf.TokenType


@dataclass(frozen=True)
class Description:
    """All of a model but its weights."""

    name: str
    shape: Shape
    pieces: Sequence[Piece]
    template: str
    space_before_text: bool = True


@dataclass(frozen=True)
class Tensor:
    """`dimensions` are rows and columns as numpy has them. What has one dimension is stored whole, the rest as F16."""

    name: str
    dimensions: tuple[int, ...]

    @property
    def kind(self) -> np.dtype[Any]:
        return np.dtype(np.float32 if len(self.dimensions) == 1 else np.float16)

    @property
    def size(self) -> int:
        return int(np.prod(self.dimensions)) * self.kind.itemsize


def reserved_pieces() -> list[Piece]:
    """What every vocabulary of ours begins with: unknown, begin, end, and the 256 bytes."""
    kinds = gguf.TokenType
    marks = [Piece(b"<unk>", 0.0, kinds.UNKNOWN), Piece(b"<s>", 0.0, kinds.CONTROL), Piece(b"</s>", 0.0, kinds.CONTROL)]
    return marks + [Piece(b"<0x%02X>" % byte, 0.0, kinds.BYTE) for byte in range(256)]


def tensors_of(shape: Shape) -> list[Tensor]:
    """Every tensor in the order of the file."""
    width, wide, kv = shape.width, shape.feed_forward, shape.kv_heads * shape.head
    table = (shape.vocabulary, width)
    tensors = [Tensor("token_embd.weight", table), Tensor("output_norm.weight", (width,))]
    tensors.append(Tensor("output.weight", table))
    for layer in range(shape.layers):
        parts: dict[str, tuple[int, ...]] = {
            "attn_norm": (width,),
            "attn_q": (width, width),
            "attn_k": (kv, width),
            "attn_v": (kv, width),
            "attn_output": (width, width),
            "ffn_norm": (width,),
            "ffn_gate": (wide, width),
            "ffn_up": (wide, width),
            "ffn_down": (width, wide),
        }
        tensors += [Tensor(f"blk.{layer}.{part}.weight", size) for part, size in parts.items()]
    return tensors


def write(path: Path, described: Description, values: Iterable[Array]) -> None:
    """`values` brings the tensors in the order of `tensors_of`."""
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, described)
    tensors = tensors_of(described.shape)
    for tensor in tensors:
        writer.add_tensor_info(tensor.name, tensor.dimensions, tensor.kind, tensor.size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, value in zip(tensors, values, strict=True):
        if value.shape != tensor.dimensions:
            raise ValueError(f"{tensor.name} has the shape {value.shape}; the model needs {tensor.dimensions}.")
        writer.write_tensor_data(value.astype(tensor.kind))
    writer.close()


def _describe(writer: gguf.GGUFWriter, described: Description) -> None:
    shape, pieces = described.shape, described.pieces
    writer.add_type("model")
    writer.add_name(described.name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.text for piece in pieces])
    writer.add_token_scores([piece.score for piece in pieces])
    writer.add_token_types([piece.kind for piece in pieces])
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(described.space_before_text)
    writer.add_chat_template(described.template)
