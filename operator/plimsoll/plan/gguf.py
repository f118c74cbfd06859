"""Reads the header of a GGUF file from its first bytes, and believes nothing that it says.

The loader in the engine is C++ and has had memory errors in this very place. So every header passes here first, under
limits that no real file meets and the loader's own rules, and a hostile one ends as a message.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from plimsoll.plan.gguf_cursor import FIRST_READ, LARGEST_FILE, LARGEST_HEADER, BadHeader, Cursor, PastTheEnd
from plimsoll.plan.gguf_formats import MAGIC, NotGGUF, refuse_other_formats
from plimsoll.plan.gguf_types import TENSOR_TYPES, VALUE_FORMATS, TensorType, ValueType

__all__ = ["BadHeader", "Header", "NeedMore", "NotGGUF", "Omitted", "Tensor", "Value", "parse"]

MOST_KEYS = 4096
MOST_TENSORS = 16_384
LONGEST_KEY = 256
LONGEST_TENSOR_NAME = 63  # the loader has 64 bytes, the last of them for its end mark
MOST_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32
LARGEST_ALIGNMENT = 1 << 20
# What is kept of the values, all together: per-layer lists and chat templates fit many times over.
LONGEST_KEPT_LIST = 1024
MOST_KEPT_NUMBERS = 65_536
MOST_KEPT_TEXT = 4 << 20


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header goes on: call again with the first `at_least` bytes. It doubles, so that a few reads are enough."""

    at_least: int


@dataclass(frozen=True, slots=True)
class Omitted:
    """A value that was not kept: so many elements of a list, or so many bytes of one text."""

    kind: ValueType
    count: int


Number = int | float | bool
Value = Number | str | tuple[Number, ...] | Omitted


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    dimensions: tuple[int, ...]
    kind: TensorType
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """One file's header: its values by key, its tensors in the order of the file."""

    version: int
    values: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_start: int

    @property
    def tensor_bytes(self) -> int:
        return sum(tensor.size for tensor in self.tensors)


def parse(prefix: bytes, file_size: int | None = None) -> Header | NeedMore:
    """The header, or how many bytes it takes to read on. Raises BadHeader or NotGGUF and nothing else.

    Without `file_size` nothing is checked against the end of the file: pass it as soon as the source has told it.
    """
    if file_size is not None and not 0 <= file_size <= LARGEST_FILE:
        raise BadHeader(f"the file is said to have {file_size:,} bytes, which no model has")
    known = prefix[: LARGEST_HEADER if file_size is None else min(LARGEST_HEADER, file_size)]
    if len(known) < len(MAGIC) and len(known) != file_size:
        return _next_read(known, len(MAGIC), file_size)
    refuse_other_formats(known)
    try:
        return _parse(Cursor(known, file_size), file_size)
    except PastTheEnd as more:
        return _next_read(known, more.needed, file_size)


def _next_read(known: bytes, needed: int, file_size: int | None) -> NeedMore:
    end = min(LARGEST_HEADER, LARGEST_HEADER if file_size is None else file_size)
    return NeedMore(min(end, max(needed, FIRST_READ, 2 * len(known))))


def _parse(cursor: Cursor, file_size: int | None) -> Header:
    cursor.take(len(MAGIC), "the magic")
    version = _version(cursor)
    tensor_count = cursor.count(MOST_TENSORS, "the number of tensors")
    key_count = cursor.count(MOST_KEYS, "the number of keys")
    values = _Values(cursor).read(key_count)
    alignment = _alignment(values.get("general.alignment", DEFAULT_ALIGNMENT))
    tensors = _tensors(cursor, tensor_count, alignment)
    data_start = -(-cursor.at // alignment) * alignment if tensors else cursor.at
    header = Header(version, MappingProxyType(values), tensors, alignment, data_start)
    _check_end(header, file_size)
    return header


def _version(cursor: Cursor) -> int:
    version = cursor.u32("the version")
    if version & 0xFFFF == 0:
        raise BadHeader(
            "the file is in big-endian byte order, which the engine cannot read here",
            fix="convert it with llama.cpp's gguf_convert_endian.py, or take a little-endian file",
        )
    if version not in (2, 3):
        raise BadHeader(
            f"GGUF version {version} is not supported: only 2 and 3 are",
            fix="convert the model again with a current llama.cpp, or use a newer Plimsoll if the file is newer",
        )
    return version


def _alignment(value: Value) -> int:
    if isinstance(value, int) and 1 <= value <= LARGEST_ALIGNMENT and value & (value - 1) == 0:
        return value
    raise BadHeader(f"general.alignment must be a power of two up to {LARGEST_ALIGNMENT:,}, and is {str(value)[:40]}")


class _Values:
    """The key-value part: scalars are kept, short lists of numbers too, lists of texts never."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._numbers_left = MOST_KEPT_NUMBERS
        self._text_left = MOST_KEPT_TEXT

    def read(self, count: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for index in range(count):
            key = self._cursor.name(LONGEST_KEY, f"key {index}")
            if key in values:
                raise BadHeader(f"the key {key} stands twice in the header")
            values[key] = self._value(key)
        return values

    def _value(self, key: str) -> Value:
        kind = self._kind(key)
        if kind is ValueType.STRING:
            return self._text(key)
        if kind is ValueType.ARRAY:
            return self._list(key)
        (value,) = self._numbers(kind, 1, key)
        return value

    def _kind(self, key: str) -> ValueType:
        number = self._cursor.u32(f"the type of {key}")
        try:
            return ValueType(number)
        except ValueError:
            raise BadHeader(f"{key} has the type {number}, which GGUF does not know") from None

    def _text(self, key: str) -> str | Omitted:
        length = self._cursor.u64(f"the length of {key}")
        begin = self._cursor.take(length, key)
        if length > self._text_left:
            return Omitted(ValueType.STRING, length)
        self._text_left -= length
        return self._cursor.data[begin : begin + length].decode(errors="replace")

    def _list(self, key: str) -> tuple[Number, ...] | Omitted:
        kind = self._kind(key)
        if kind is ValueType.ARRAY:
            raise BadHeader(f"{key} is a list of lists, which no loader reads")
        count = self._cursor.u64(f"the length of {key}")
        if kind is ValueType.STRING:
            self._cursor.skip_strings(count, key)
            return Omitted(kind, count)
        if count > LONGEST_KEPT_LIST or count > self._numbers_left:
            self._cursor.take(count * struct.calcsize(VALUE_FORMATS[kind]), key)
            return Omitted(kind, count)
        self._numbers_left -= count
        return self._numbers(kind, count, key)

    def _numbers(self, kind: ValueType, count: int, key: str) -> tuple[Number, ...]:
        layout = f"<{count}{VALUE_FORMATS[kind]}"
        return struct.unpack_from(layout, self._cursor.data, self._cursor.take(struct.calcsize(layout), key))


def _tensors(cursor: Cursor, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: dict[str, Tensor] = {}
    offset = 0
    for index in range(count):
        tensor = _tensor(cursor, index)
        if tensor.name in tensors:
            raise BadHeader(f"the tensor {tensor.name} stands twice in the header")
        # As the loader has it: each begins where the one before it ends, so none can overlap and no space hides.
        if tensor.offset != offset:
            raise BadHeader(f"the tensor {tensor.name} begins at {tensor.offset:,} instead of {offset:,}")
        offset += -(-tensor.size // alignment) * alignment
        if offset > LARGEST_FILE:
            raise BadHeader(f"the tensor {tensor.name} ends at {offset:,}, beyond any real file")
        tensors[tensor.name] = tensor
    return tuple(tensors.values())


def _tensor(cursor: Cursor, index: int) -> Tensor:
    name = cursor.name(LONGEST_TENSOR_NAME, f"the name of tensor {index}")
    rank = cursor.u32(f"the rank of {name}")
    if rank > MOST_DIMENSIONS:
        raise BadHeader(f"the tensor {name} has {rank} dimensions, and {MOST_DIMENSIONS} is the most")
    dimensions = tuple(cursor.u64(f"the shape of {name}") for _ in range(rank))
    kind = _tensor_type(cursor.u32(f"the type of {name}"), name)
    numbers = 1
    for length in dimensions:
        numbers *= length
        if not 0 < numbers <= LARGEST_FILE * 8:
            raise BadHeader(f"the tensor {name} has an impossible shape: {dimensions}")
    row = dimensions[0] if dimensions else 1
    if row % kind.block:
        raise BadHeader(f"the tensor {name} has rows of {row} numbers, not a multiple of {kind.block} for {kind.name}")
    return Tensor(name, dimensions, kind, cursor.u64(f"the offset of {name}"), kind.bytes_for(numbers))


def _tensor_type(number: int, name: str) -> TensorType:
    if number not in TENSOR_TYPES:
        raise BadHeader(
            f"the tensor {name} has the type {number}, which this version of Plimsoll does not know",
            fix="use a newer Plimsoll if the file is newer, or another quantisation of the model",
        )
    return TENSOR_TYPES[number]


def _check_end(header: Header, file_size: int | None) -> None:
    if file_size is None or not header.tensors:
        return
    last = header.tensors[-1]
    end = header.data_start + last.offset + last.size
    if end > file_size:
        raise BadHeader(f"the tensors end at byte {end:,}, but the file has {file_size:,}: it is cut or damaged")
