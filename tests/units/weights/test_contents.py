"""S-05: what can run code when it is opened is refused by its content, whatever it is called."""

from __future__ import annotations

import ast
import gzip
import io
import json
import pickle
import pickletools
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

import plimsoll
from plimsoll.api.reasons import Reason
from plimsoll.weights.contents import check_beside
from plimsoll.weights.trouble import SourceTrouble
from tests.support.fetching import bring, files_in, not_brought, order
from tests.support.model_server import Content, ModelServer

VALUE = {"weight": [1.0, 2.0], "name": "x"}


def zipped(data: bytes, name: str = "archive/data.pkl") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, data)
    return made.getvalue()


def tarred(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        info = tarfile.TarInfo("data.pkl")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


class Runs:
    """Opening a pickle of it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch /tmp/never",)


PICKLES = {
    **{f"protocol {number}": pickle.dumps(VALUE, number) for number in range(2, pickle.HIGHEST_PROTOCOL + 1)},
    **{f"runs {number}": pickle.dumps(Runs(), number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "text": pickle.dumps(VALUE, 0),
    "optimised": pickletools.optimize(pickle.dumps(VALUE, 4)),
    "torch": zipped(pickle.dumps(VALUE)),
    "zip of anything": zipped(b"hello", "hello.txt"),
    "gzip": gzip.compress(pickle.dumps(VALUE)),
    "joblib": zlib.compress(pickle.dumps(VALUE)),
    "tar": tarred(pickle.dumps(VALUE)),
    "numpy": b"\x93NUMPY\x01\x00" + bytes(64),
}
NAMES = ("model.safetensors", "config.json", "tokenizer.model", "README.md", "weights", "model.bin.txt")


def safetensors(*tensors: tuple[int, int], data: int | None = None, **more: object) -> bytes:
    header: dict[str, object] = {
        str(number): {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
        for number, (begin, end) in enumerate(tensors)
    }
    text = json.dumps({**header, **more}).encode()
    return (
        len(text).to_bytes(8, "little")
        + text
        + bytes(max((end for _, end in tensors), default=0) if data is None else data)
    )


def refused(name: str, data: bytes, folder: Path) -> SourceTrouble:
    path = folder / "part"
    path.write_bytes(data)
    with pytest.raises(SourceTrouble) as raised:
        check_beside(name, path)
    assert raised.value.reason is Reason.NOT_A_MODEL
    assert name in raised.value.message
    return raised.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", PICKLES)
def test_s_05_a_pickle_is_refused_whatever_it_is_called(kind: str, name: str, tmp_path: Path) -> None:
    refused(name, PICKLES[kind], tmp_path)


@pytest.mark.parametrize("kind", PICKLES)
def test_s_05_a_pickle_in_place_of_a_gguf_file_is_refused_before_it_comes(
    kind: str, server: ModelServer, tmp_path: Path
) -> None:
    url = server.add("/model.gguf", Content.text(PICKLES[kind]))
    not_brought(order({"http": {"url": url}}, tmp_path, open_to=server.host), Reason.NOT_A_MODEL)
    assert len(server.asked) == 1


def test_a_page_in_place_of_a_model_is_refused(server: ModelServer, tmp_path: Path) -> None:
    url = server.add("/model.gguf", Content.text(b"<!DOCTYPE html><html>Please log in"))
    trouble = not_brought(order({"http": {"url": url}}, tmp_path, open_to=server.host), Reason.NOT_A_MODEL)
    assert "web page" in trouble.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        bytes(8),
        (1 << 60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"{" * 9,
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        safetensors((0, 8), data=7),
        safetensors((0, 8), data=9),
        safetensors((0, 8), (4, 12)),
        safetensors((0, 8), (9, 12)),
        safetensors((8, 4)),
        safetensors((-8, 8)),
        safetensors(x={"data_offsets": "no"}),
        safetensors(x={"data_offsets": [True, True]}),
        safetensors(x=7),
        b"<!doctype html>" + bytes(100),
    ],
)
def test_a_safetensors_file_that_is_none_or_cut_is_refused(data: bytes, tmp_path: Path) -> None:
    refused("a.safetensors", data, tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.safetensors", safetensors((0, 8), (8, 12), __metadata__={"format": "pt"})),
        ("a.safetensors", safetensors()),
        ("config.json", b'{"architectures": []}'),
        ("config.json", b"\xef\xbb\xbf [1]"),
        ("tokenizer.model", b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02"),
        ("merges.txt", b"#version: 0.2\nh e\n"),
        ("vocab.txt", b"[PAD]\n[UNK]\ncat\n"),
        ("README.md", b"---\nlicense: mit\n---\n# Model"),
        ("LICENSE", b"Copyright (c) 2026"),
        (".gitattributes", b"*.bin filter=lfs"),
        ("empty.txt", b""),
        ("chat_template.jinja", b"{% for m in messages %}"),
    ],
)
def test_what_belongs_to_a_model_is_taken(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(data)
    check_beside(name, path)


@pytest.mark.parametrize("data", [b"<html>", b"Not found", b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_configuration_that_is_no_json_is_refused(data: bytes, tmp_path: Path) -> None:
    refused("config.json", data, tmp_path)


def test_s_05_pickles_of_a_folder_are_left_where_they_are(server: ModelServer, tmp_path: Path) -> None:
    files = {
        "v/model.safetensors": Content.text(safetensors((0, 8))),
        "v/config.json": Content.text(b"{}"),
        "v/pytorch_model.bin": Content.text(PICKLES["torch"]),
        "v/training_args.pt": Content.text(PICKLES["protocol 2"]),
    }
    server.add_bucket("models", files)
    source = {"s3": {"bucket": "models", "key": "v/", "endpoint": server.base}}
    bring(order(source, tmp_path / "good", open_to=server.host))
    assert files_in(tmp_path / "good") == ["config.json", "model.safetensors"]
    server.add_bucket("models", files | {"v/renamed.txt": Content.text(PICKLES["torch"])})
    trouble = not_brought(order(source, tmp_path / "bad", open_to=server.host), Reason.NOT_A_MODEL)
    assert "renamed.txt" in trouble.message


UNPICKLERS = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "torch",
    "jsonpickle",
}


def test_s_05_nothing_of_the_product_can_unpickle() -> None:
    found = []
    for file in sorted(Path(plimsoll.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            calls = [node.attr] if isinstance(node, ast.Attribute) else []
            calls += [each.arg or "" for each in node.keywords] if isinstance(node, ast.Call) else []
            unsafe = {name.split(".")[0] for name in names} & UNPICKLERS or {"read_pickle", "allow_pickle"} & set(calls)
            found += [f"{file.name}: {', '.join(unsafe)}"] if unsafe else []
    assert found == []
