"""Weights from a hub: pinned to a commit, with a token, every file checked; and our hub answers as a hub does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import RepositoryNotFoundError

from plimsoll.api.reasons import Reason
from tests.support.fetching import bring, files_in, not_brought, order, whole
from tests.support.gguf_maker import Made
from tests.support.hub_server import COMMIT, git_hash, sha256
from tests.support.model_server import Content, ModelServer, model_server
from tests.units.weights.test_contents import safetensors
from tests.units.weights.test_web import name, part

REPOSITORY = "team/tiny"
TOKEN = "canary-hub-token"


@pytest.fixture
def files(tiny: Made) -> Mapping[str, Content]:
    return {
        "tiny.gguf": whole(tiny),
        "model.safetensors": Content.text(safetensors((0, 100_000))),
        "config.json": Content.text(b'{"architectures": ["LlamaForCausalLM"]}'),
        "empty.txt": Content.text(b""),
        "tokenizer/vocab one.txt": Content.text(b"[PAD]\ncat\n"),
        **{f"parts/{name(number)}": part(number) for number in range(3)},
        "pytorch_model.bin": Content.text(b"\x80\x02}q\x00."),
    }


@pytest.fixture
def behind(address: str) -> Iterator[ModelServer]:
    with model_server(address) as running:
        yield running


@pytest.fixture
def hub(server: ModelServer, behind: ModelServer, files: Mapping[str, Content]) -> ModelServer:
    server.add_hub(REPOSITORY, files, token=TOKEN, behind=behind)
    return server


def source(server: ModelServer, file: str | None, **more: str) -> dict[str, Any]:
    named = {} if file is None else {"file": file}
    return {"huggingFace": {"repository": REPOSITORY, "endpoint": server.base, **named}, **more}


def secret(server: ModelServer) -> dict[str, str]:
    return {"token": TOKEN, "hosts": server.host}


def test_the_stock_client_takes_our_hub_for_one(
    hub: ModelServer, files: Mapping[str, Content], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    api = HfApi(endpoint=hub.base, token=TOKEN)
    assert api.model_info(REPOSITORY, revision="main").sha == COMMIT
    listed = {each.path: each for each in api.list_repo_tree(REPOSITORY, revision=COMMIT, recursive=True)}
    for path, content in files.items():
        found: Any = listed[path]
        assert (found.size, found.blob_id) == (content.size, git_hash(content))
        assert (found.lfs and found.lfs.sha256) == (None if found.lfs is None else sha256(content))
    got = hf_hub_download(
        REPOSITORY, "tiny.gguf", revision=COMMIT, endpoint=hub.base, token=TOKEN, cache_dir=tmp_path / "cache"
    )
    assert Path(got).read_bytes() == files["tiny.gguf"].data
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.base, token=False).model_info(REPOSITORY)


def test_we_bring_the_same_files_as_the_stock_client(hub: ModelServer, tmp_path: Path) -> None:
    bring(order(source(hub, None), tmp_path / "ours", open_to=hub.host, credential=secret(hub)))
    ours = files_in(tmp_path / "ours")
    assert ours == ["config.json", "empty.txt", "model.safetensors", "tokenizer/vocab one.txt"]
    theirs = snapshot_download(
        REPOSITORY, revision=COMMIT, endpoint=hub.base, token=TOKEN, local_dir=tmp_path / "theirs", allow_patterns=ours
    )
    for path in ours:
        assert (tmp_path / "ours" / path).read_bytes() == (Path(theirs) / path).read_bytes()


def test_one_file_comes_to_its_path_with_the_token_for_the_hub_alone(
    hub: ModelServer, behind: ModelServer, files: Mapping[str, Content], tmp_path: Path
) -> None:
    wanted = source(hub, "tiny.gguf")
    bring(order(wanted, tmp_path, open_to=hub.host, credential=secret(hub), identity=f"commit:{COMMIT}"))
    assert (tmp_path / "tiny.gguf").read_bytes() == files["tiny.gguf"].data
    assert {asked.headers.get("authorization") for asked in hub.asked} == {f"Bearer {TOKEN}"}
    assert {asked.headers.get("authorization") for asked in behind.asked} == {None}
    # The commit was told: nobody asks what the branch means now.
    assert not any("/revision/" in asked.path for asked in hub.asked)


def test_all_parts_of_a_split_model_come_and_are_checked(hub: ModelServer, tmp_path: Path) -> None:
    wanted = order(source(hub, f"parts/{name(0)}"), tmp_path, open_to=hub.host, credential=secret(hub))
    bring(wanted)
    assert files_in(tmp_path) == [f"parts/{name(number)}" for number in range(3)]


@pytest.mark.parametrize("path", ["tiny.gguf", f"parts/{name(2)}", "model.safetensors", "config.json"])
def test_a_file_that_does_not_hash_to_what_the_hub_lists_is_refused(
    path: str, server: ModelServer, files: Mapping[str, Content], tmp_path: Path
) -> None:
    server.add_hub(REPOSITORY, files)
    good = files[path]
    bad = replace(good, data=good.data[:-2] + b" }" if path == "config.json" else good.data + b"x", size=good.size)
    lying = (
        replace(bad, data=bad.data.ljust(good.size, b"\0")[: good.size - 1] + b"\x01") if path != "config.json" else bad
    )
    where = f"/cdn/{REPOSITORY}/{path}" if path != "config.json" else f"/{REPOSITORY}/resolve/{COMMIT}/{path}"
    server.add(where, lying)
    file = None if path in ("model.safetensors", "config.json") else path.replace("00003-of", "00001-of")
    trouble = not_brought(order(source(server, file), tmp_path, open_to=server.host), Reason.CHECKSUM_MISMATCH)
    assert path in trouble.message


def test_a_private_repository_without_its_token_is_forbidden(hub: ModelServer, tmp_path: Path) -> None:
    not_brought(order(source(hub, "tiny.gguf"), tmp_path, open_to=hub.host), Reason.SOURCE_FORBIDDEN)
    elsewhere = {"token": TOKEN, "hosts": "example.com"}
    wanted = order(source(hub, "tiny.gguf"), tmp_path, open_to=hub.host, credential=elsewhere)
    not_brought(wanted, Reason.HOST_NOT_ALLOWED)


@pytest.mark.parametrize(
    "path", ["../up.txt", "/etc/passwd", "a/../../b.txt", ".plimsoll/complete.json", "a//../b.txt"]
)
def test_a_hub_that_lists_files_outside_of_the_folder_is_refused(
    path: str, server: ModelServer, files: Mapping[str, Content], tmp_path: Path
) -> None:
    server.add_hub(REPOSITORY, {**files, path: Content.text(b"{}")})
    not_brought(order(source(server, None), tmp_path / "inside", open_to=server.host), Reason.NOT_A_MODEL)


def test_a_file_that_is_a_folder_too_is_refused(
    server: ModelServer, files: Mapping[str, Content], tmp_path: Path
) -> None:
    server.add_hub(REPOSITORY, {**files, "a": Content.text(b"1"), "a/b": Content.text(b"2")})
    not_brought(order(source(server, None), tmp_path, open_to=server.host), Reason.NOT_A_MODEL)
