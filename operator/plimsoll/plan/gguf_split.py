"""A model that lies in several files, named model-00001-of-00003.gguf and so on: their names, and one header of all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from plimsoll.plan.gguf import MOST_TENSORS, BadHeader, Header, Tensor

MOST_FILES = 1000
_SPLIT_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_INCOMPLETE = "name the first file, and make sure that all of the parts lie beside it"


def split_count(header: Header) -> int:
    """In how many files the model lies, told by any one of them."""
    return _number(header, "split.count", least=0, most=MOST_FILES) or 1


def split_names(first: str, header: Header) -> tuple[str, ...]:
    """The names of all files, given the first one's name and header."""
    count = split_count(header)
    found = _SPLIT_NAME.fullmatch(first)
    if count == 1:
        return (first,)
    if found is None or int(found["count"]) != count or int(found["number"]) != 1:
        raise BadHeader(
            f"the file is part of a model in {count} files, and its name does not end in -00001-of-{count:05}.gguf",
            fix="name the first file, and keep the names that gguf-split gave",
        )
    return tuple(f"{found['stem']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1))


def combine(headers: Sequence[Header]) -> Header:
    """One header with the tensors of all, in the order of the files; the values are those of the first."""
    if not headers:
        raise BadHeader("no file was read", fix=_INCOMPLETE)
    first, count = headers[0], split_count(headers[0])
    if len(headers) != count:
        raise BadHeader(f"the model lies in {count} files, and {len(headers)} were read", fix=_INCOMPLETE)
    if count == 1:
        return first
    tensors: dict[str, Tensor] = {}
    for position, header in enumerate(headers):
        _check_part(header, position, count)
        for tensor in header.tensors:
            if tensor.name in tensors:
                raise BadHeader(f"the tensor {tensor.name} stands in two of the files", fix=_INCOMPLETE)
            tensors[tensor.name] = tensor
    told = _number(first, "split.tensors.count", least=0, most=MOST_TENSORS)
    if told != len(tensors):
        raise BadHeader(f"the first file announces {told} tensors, and the files have {len(tensors)}", fix=_INCOMPLETE)
    return replace(first, tensors=tuple(tensors.values()))


def _check_part(header: Header, position: int, count: int) -> None:
    number = _number(header, "split.no", least=0, most=MOST_FILES)
    if number != position:
        raise BadHeader(f"file {position + 1} of {count} says that it is number {number + 1}", fix=_INCOMPLETE)
    # Only the first part must repeat the count.
    if "split.count" in header.values and split_count(header) != count:
        raise BadHeader(f"file {position + 1} belongs to another model: it is one of {split_count(header)}")


def _number(header: Header, key: str, *, least: int, most: int) -> int:
    value = header.values.get(key, 0)
    if isinstance(value, int) and least <= value <= most:
        return value
    raise BadHeader(f"{key} must be a whole number from {least} to {most}, and is {str(value)[:40]}")
