"""A file that is not GGUF is refused by its content, whatever its name (S-05), and told what it is."""

from __future__ import annotations

import bz2
import collections
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib

import pytest

from plimsoll.plan.gguf import NeedMore, NotGGUF, parse
from tests.support import gguf_maker as maker


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, content)
    return made.getvalue()


def tarred(content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("model.gguf")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


WEIGHTS = collections.OrderedDict(layer=[1.0, 2.0])
GGUF = maker.make({"general.architecture": "llama"}, []).data
PICKLES = {f"S-05 pickle, protocol {protocol}": pickle.dumps(WEIGHTS, protocol) for protocol in range(6)}
PICKLES["S-05 pickle of a list, protocol 0"] = pickle.dumps([1, 2], 0)
PICKLES["S-05 pickle of a dict, protocol 1"] = pickle.dumps({"a": 1}, 1)
PICKLES["S-05 pickle that calls system"] = b"cos\nsystem\n(S'true'\ntR."
PICKLES["S-05 torch file"] = zipped("archive/data.pkl", pickle.dumps(WEIGHTS))
PICKLES["S-05 joblib"] = zlib.compress(pickle.dumps(WEIGHTS))
PICKLES["S-05 numpy"] = b"\x93NUMPY\x01\x00" + bytes(60)


@pytest.mark.parametrize("name", PICKLES)
def test_what_can_hold_a_pickle_is_refused_and_never_opened(name: str) -> None:
    data = PICKLES[name].ljust(64, b"\0")
    with pytest.raises(NotGGUF, match=r"pickle") as caught:
        parse(data, len(data))
    assert "run code" in caught.value.fix


OTHERS = {
    "safetensors": struct.pack("<Q", 40) + json.dumps({"__metadata__": {}}).encode(),
    "gzip": gzip.compress(GGUF),
    "bzip2": bz2.compress(GGUF),
    "xz": lzma.compress(GGUF),
    "tar archive": tarred(GGUF),
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "before GGUF": b"tjgg" + struct.pack("<I", 3),
    "big-endian": b"FUGG",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Sign in</body></html>",
    "JSON": b'{"error": "not found"}',
    "program": b"\x7fELF\x02\x01\x01",
    "empty": b"",
    "does not know": b"hello, world",
}


@pytest.mark.parametrize("told", OTHERS)
def test_another_format_is_named_with_what_to_do(told: str) -> None:
    with pytest.raises(NotGGUF, match=told) as caught:
        parse(OTHERS[told], len(OTHERS[told]))
    assert caught.value.fix


@pytest.mark.parametrize(
    "data", [b"\x80", b"\x80\x06", b"\x80\x01", b"\x7f\x04", bytes(8) + b"[]", b"\xff" * 8 + b'{"']
)
def test_what_only_resembles_a_known_format_is_not_called_by_its_name(data: bytes) -> None:
    with pytest.raises(NotGGUF, match="does not know"):
        parse(data, len(data))


@pytest.mark.parametrize("data", [b"G", b"GG", b"GGU"])
def test_a_file_shorter_than_the_magic_is_refused_once_its_end_is_known(data: bytes) -> None:
    assert isinstance(parse(data), NeedMore)
    with pytest.raises(NotGGUF):
        parse(data, len(data))


def test_only_the_magic_lets_a_file_pass() -> None:
    for first in range(256):
        with pytest.raises(NotGGUF):
            parse(bytes([first]) + GGUF[1:] if first != GGUF[0] else b"GGUE" + GGUF[4:], len(GGUF))
