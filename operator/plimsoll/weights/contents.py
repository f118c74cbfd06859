"""What a downloaded file really is, by its content: a name is only what somebody wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plimsoll.api.reasons import Reason
from plimsoll.plan.gguf import BadHeader, NotGGUF
from plimsoll.plan.gguf_formats import SNIFFED, refuse_packed_or_runnable
from plimsoll.plan.gguf_split import combine
from plimsoll.weights.inspecting import read_header
from plimsoll.weights.trouble import SourceTrouble, unreadable

# The library's own limit is 100 MB; the headers of the largest models stay under ten.
_LONGEST_HEADER = 64 << 20
_LENGTH = 8
_LARGEST_JSON = 256 << 20


def check_model(files: Sequence[tuple[str, Path]]) -> None:
    """One GGUF model in one file or in several, by their names and where they lie now. Raises SourceTrouble."""
    name = files[0][0]
    try:
        combine([_header(called, path) for called, path in files])
    except BadHeader as error:
        raise unreadable(error, name) from None


def _header(name: str, path: Path) -> Any:
    try:
        return read_header(path)
    except SourceTrouble as trouble:
        message = trouble.message.replace(str(path), name)
        raise SourceTrouble(trouble.reason, message, fix=trouble.fix) from None


def check_beside(name: str, path: Path) -> None:
    """A file of a whole repository or folder: safetensors, or something harmless that describes them."""
    with path.open("rb") as file:
        start = file.read(SNIFFED)
    if name.endswith(".safetensors"):
        _check_safetensors(name, path)
        return
    try:
        refuse_packed_or_runnable(start)
    except NotGGUF as error:
        raise unreadable(error, name) from None
    if name.endswith(".json"):
        _check_json(name, path)


def _check_safetensors(name: str, path: Path) -> None:
    """The length of a header, the header, and tensors that fill the rest of the file without a gap."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if size < _LENGTH or not 2 <= length <= min(_LONGEST_HEADER, size - _LENGTH):
            raise _refused(name, "is no safetensors file, or is cut")
        header = _object(file.read(length))
    if header is None:
        raise _refused(name, "is no safetensors file: its header cannot be read")
    at = 0
    for begin, end in sorted(_offsets(name, header)):
        if begin != at:
            raise _refused(name, "has tensors that overlap or leave gaps")
        at = end
    if at != size - _LENGTH - length:
        raise _refused(name, f"has {size:,} bytes, and its tensors end at byte {at + _LENGTH + length:,}")


def _offsets(name: str, header: dict[str, Any]) -> list[tuple[int, int]]:
    found = []
    for key, tensor in header.items():
        if key == "__metadata__":
            continue
        offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
        if not isinstance(offsets, list) or [type(each) for each in offsets] != [int, int]:
            raise _refused(name, "is no safetensors file: its header cannot be read")
        if not 0 <= offsets[0] <= offsets[1]:
            raise _refused(name, "has a tensor that ends before it begins")
        found.append((offsets[0], offsets[1]))
    return found


def _check_json(name: str, path: Path) -> None:
    if path.stat().st_size > _LARGEST_JSON:
        raise _refused(name, "is larger than any JSON file that belongs to a model")
    with path.open("rb") as file:
        start = file.read(SNIFFED).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"{", b"["):
        raise _refused(name, "is not JSON: the source may have answered with a page")


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(name: str, words: str) -> SourceTrouble:
    return SourceTrouble(Reason.NOT_A_MODEL, f"{name} {words}")
