"""What a file is that is not GGUF, judged by its first bytes: names can lie, and an opened pickle runs code."""

from __future__ import annotations

import re

from plimsoll.errors import UserError

MAGIC = b"GGUF"
SNIFFED = 512

_CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py, or name a source that has a .gguf file"
_RUNS_CODE = "opening it can run code that its author chose, so Plimsoll never does; name a .gguf file instead"
_PACKED = "unpack it and name the .gguf file inside"

# The first bytes of a file, what they mean, and what to do about it.
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive, as PyTorch writes for .pt, .pth, .bin and .ckpt (a pickle inside)", _RUNS_CODE),
    (b"PK\x05\x06", "an empty zip archive", _PACKED),
    (b"PK\x07\x08", "a spanned zip archive", _PACKED),
    (b"\x1f\x8b", "packed with gzip", _PACKED),
    (b"BZh", "packed with bzip2", _PACKED),
    (b"\xfd7zXZ\x00", "packed with xz", _PACKED),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _PACKED),
    (b"\x04\x22\x4d\x18", "packed with lz4", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _PACKED),
    (b"Rar!", "a rar archive", _PACKED),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", _CONVERT),
    (b"\x93NUMPY", "a NumPy array, which can hold a pickle", _RUNS_CODE),
    (b"lmgg", "a GGML file from before GGUF", _CONVERT),
    (b"fmgg", "a GGMF file from before GGUF", _CONVERT),
    (b"tjgg", "a GGJT file from before GGUF", _CONVERT),
    (b"algg", "a GGLA adapter from before GGUF", _CONVERT),
    (b"FUGG", "a GGUF file in big-endian byte order", "convert it to little-endian with gguf_convert_endian.py"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file it points to",
        "take the address of the file itself (on Hugging Face: /resolve/ instead of /raw/)",
    ),
    (b"\x7fELF", "a program", "name a .gguf file"),
    (b"MZ", "a program", "name a .gguf file"),
    (b"#!", "a script", "name a .gguf file"),
)
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_HTML = (b"<!doctype", b"<html", b"<?xml", b"<head")
_NEWEST_PICKLE = 5
# Protocols 0 and 1: a module and a name to import, or a container that is put aside at once.
_TEXT_PICKLE = re.compile(rb"[(\]}]*c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|\([ldt]p\d+\n|[\]})]q\x00")


class NotGGUF(UserError):
    """The file is of another kind; the message says which."""


def refuse_other_formats(start: bytes) -> None:
    """Raises NotGGUF unless the file starts like GGUF. Only GGUF passes: naming the others is a courtesy."""
    if start[:4] == MAGIC:
        return
    kind, fix = _recognise(start[:SNIFFED])
    raise NotGGUF(f"the file is not GGUF: it is {kind}", fix=fix)


def refuse_packed_or_runnable(start: bytes) -> None:
    """For files that lie beside weights: raises NotGGUF for what hides its content or can run when it is opened."""
    found = next(((kind, fix) for first, kind, fix in _STARTS if start.startswith(first)), None)
    found = found or _pickle(start) or (("a tar archive", _PACKED) if start[257:262] == b"ustar" else None)
    if found is not None:
        raise NotGGUF(f"the file is {found[0]}", fix=found[1])


def _recognise(start: bytes) -> tuple[str, str]:
    if not start:
        return "empty", "check the source: the upload or the download may have been cut"
    for first, kind, fix in _STARTS:
        if start.startswith(first):
            return kind, fix
    return _pickle(start) or _by_structure(start) or ("of a kind that Plimsoll does not know", "name a .gguf file")


def _pickle(start: bytes) -> tuple[str, str] | None:
    if start[:1] == b"\x80" and len(start) > 1 and 2 <= start[1] <= _NEWEST_PICKLE:
        return f"a Python pickle (protocol {start[1]})", _RUNS_CODE
    if _TEXT_PICKLE.match(start):
        return "a Python pickle in its old form", _RUNS_CODE
    if start[:2] in _ZLIB:
        return "packed with zlib, as joblib writes its pickles", _RUNS_CODE
    return None


def _by_structure(start: bytes) -> tuple[str, str] | None:
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < 1 << 32:
        return "a safetensors file", _CONVERT
    if start[257:262] == b"ustar":
        return "a tar archive", _PACKED
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_HTML):
        return (
            "a web page: the source answered with HTML",
            "check the address, and whether it needs a credential",
        )
    if text[:1] in (b"{", b"["):
        return (
            "JSON: the source may have answered with an error",
            "check the address, and whether it needs a credential",
        )
    return None
