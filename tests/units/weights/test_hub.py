"""The Hugging Face hub and its mirrors: commits, files, whole repositories, and four ways to say no."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import SourceFile
from plimsoll.weights import listing
from tests.support.gguf_maker import Made
from tests.support.hub_server import COMMIT
from tests.support.model_server import (
    Content,
    ModelServer,
    Reply,
    model_server,
    redirect,
    served,
    with_headers,
)
from tests.support.sources import ask, refused

REPOSITORY = "team/tiny-GGUF"
API = f"/api/models/{REPOSITORY}"
REVISION = f"{API}/revision/main"
TREE = f"{API}/tree/{COMMIT}"
RESOLVE = f"/{REPOSITORY}/resolve/{COMMIT}"


def hub(server: ModelServer, file: str | None = "tiny.gguf", **more: Any) -> dict[str, Any]:
    named = {} if file is None else {"file": file}
    return {"huggingFace": {"repository": REPOSITORY, "endpoint": server.base, **named, **more}}


@pytest.fixture
def tiny_hub(server: ModelServer, tiny: Made) -> ModelServer:
    server.add_hub(REPOSITORY, {"tiny.gguf": Content.of(tiny), "folder/tiny one.gguf": Content.of(tiny)})
    return server


def listed(server: ModelServer, *entries: object) -> dict[str, Any]:
    server.routes[REVISION] = lambda _: Reply.text(json.dumps({"sha": COMMIT}).encode())
    server.routes[TREE] = lambda _: Reply.text(json.dumps(entries).encode())
    return hub(server, None)


def a_file(path: str, size: int = 10) -> dict[str, object]:
    return {"type": "file", "path": path, "size": size, "oid": "x", "lfs": {"oid": "y", "size": size}}


def test_a_branch_is_resolved_to_its_commit_and_the_file_is_read_there(tiny_hub: ModelServer, tiny: Made) -> None:
    facts = ask(hub(tiny_hub), open_to=tiny_hub.host)
    assert facts.identity == f"commit:{COMMIT}"
    assert facts.files == (SourceFile("tiny.gguf", tiny.file_size),)
    assert facts.model is not None
    assert tiny_hub.paths()[:2] == [REVISION, f"{RESOLVE}/tiny.gguf"]


def test_a_commit_is_not_asked_about(tiny_hub: ModelServer) -> None:
    assert ask(hub(tiny_hub, revision=COMMIT), open_to=tiny_hub.host).identity == f"commit:{COMMIT}"
    assert tiny_hub.paths()[0] == f"{RESOLVE}/tiny.gguf"


def test_folders_spaces_and_slashes_in_branches_are_escaped(tiny_hub: ModelServer) -> None:
    tiny_hub.routes[f"{API}/revision/refs/pr/1"] = tiny_hub.routes[REVISION]
    facts = ask(hub(tiny_hub, "folder/tiny one.gguf", revision="refs/pr/1"), open_to=tiny_hub.host)
    assert facts.files[0].path == "folder/tiny one.gguf"
    assert [asked.target for asked in tiny_hub.asked[:2]] == [
        f"{API}/revision/refs%2Fpr%2F1",
        f"{RESOLVE}/folder/tiny%20one.gguf",
    ]


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"sha": 5}', b'{"sha": "../../x"}', b"<html>", b"", b"[" * 100_000])
def test_a_hub_that_names_no_commit_is_not_believed(answer: bytes, tiny_hub: ModelServer) -> None:
    tiny_hub.routes[REVISION] = lambda _: Reply.text(answer)
    refused(hub(tiny_hub), Reason.SOURCE_UNREACHABLE, open_to=tiny_hub.host)


def test_an_answer_without_end_is_left(tiny_hub: ModelServer) -> None:
    tiny_hub.routes[REVISION] = lambda _: Reply(200, {}, Content(b"{", 1 << 40))
    trouble = refused(hub(tiny_hub), Reason.SOURCE_UNREACHABLE, open_to=tiny_hub.host)
    assert "more than 4,194,304 bytes" in trouble.message


def test_a_token_goes_to_the_hub_and_not_to_the_servers_behind_it(
    server: ModelServer, tiny: Made, address: str
) -> None:
    server.add_hub(REPOSITORY, {"tiny.gguf": Content.of(tiny)}, token="canary-token")
    with model_server(address) as behind:
        behind.add("/blob", tiny)
        onward = redirect(f"{behind.base}/blob?X-Amz-Signature=abc", X_Repo_Commit=COMMIT)
        server.routes[f"{RESOLVE}/tiny.gguf"] = onward
        secret = {"token": "canary-token", "hosts": server.host}
        ask(hub(server), open_to=server.host, credential=secret)
        assert "authorization" not in behind.asked[0].headers
        assert behind.asked[0].query == "X-Amz-Signature=abc"
    assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer canary-token"] * 2


def test_a_secret_without_hosts_opens_only_the_hub_itself(tiny_hub: ModelServer) -> None:
    refused(hub(tiny_hub), Reason.HOST_NOT_ALLOWED, open_to=tiny_hub.host, credential={"token": "canary-token"})
    assert tiny_hub.asked == []


@pytest.mark.parametrize(
    "case",
    [
        (401, "RepoNotFound", False, Reason.SOURCE_FORBIDDEN, "private or gated, or does not exist"),
        (401, "RepoNotFound", True, Reason.SOURCE_FORBIDDEN, "not open to the token"),
        (401, "GatedRepo", False, Reason.SOURCE_FORBIDDEN, "licence has to be accepted"),
        (403, "GatedRepo", True, Reason.SOURCE_FORBIDDEN, "licence has to be accepted"),
        (403, "", True, Reason.SOURCE_FORBIDDEN, "not open to the token"),
        (404, "RevisionNotFound", False, Reason.SOURCE_NOT_FOUND, "no such revision"),
        (404, "EntryNotFound", False, Reason.SOURCE_NOT_FOUND, "no such file"),
        (404, "", False, Reason.SOURCE_NOT_FOUND, "404"),
        (500, "", False, Reason.SOURCE_UNREACHABLE, "500"),
        (429, "", False, Reason.SOURCE_UNREACHABLE, "429"),
    ],
)
@pytest.mark.parametrize("path", [REVISION, f"{RESOLVE}/tiny.gguf"])
def test_every_way_to_say_no_is_told_apart(
    path: str, case: tuple[int, str, bool, Reason, str], tiny_hub: ModelServer
) -> None:
    status, code, credential, reason, words = case
    tiny_hub.routes[path] = lambda _: Reply.text(b"", status, X_Error_Code=code)
    secret = {"token": "canary-token", "hosts": tiny_hub.host} if credential else None
    trouble = refused(hub(tiny_hub), reason, open_to=tiny_hub.host, credential=secret)
    assert words in trouble.message
    assert "canary" not in str(trouble.finding)


def test_a_server_behind_the_hub_speaks_for_itself(tiny_hub: ModelServer, address: str) -> None:
    with model_server(address) as behind:
        behind.routes["/blob"] = lambda _: Reply.text(b"", 403)
        tiny_hub.routes[f"{RESOLVE}/tiny.gguf"] = redirect(f"{behind.base}/blob")
        trouble = refused(hub(tiny_hub), Reason.SOURCE_FORBIDDEN, open_to=tiny_hub.host)
    assert "does not hand out tiny.gguf" in trouble.message


def test_another_sha256_than_the_hub_has_is_told_before_any_download(tiny_hub: ModelServer) -> None:
    path = f"{RESOLVE}/tiny.gguf"
    tiny_hub.routes[path] = with_headers(tiny_hub.routes[path], X_Linked_Etag=f'"{"b" * 64}"')
    right = {**hub(tiny_hub), "sha256": "b" * 64}
    assert ask(right, open_to=tiny_hub.host).identity == f"commit:{COMMIT}"
    wrong = {**hub(tiny_hub), "sha256": "a" * 64}
    trouble = refused(wrong, Reason.CHECKSUM_MISMATCH, open_to=tiny_hub.host)
    assert "b" * 64 in trouble.message


def test_what_the_servers_behind_the_hub_say_of_checksums_does_not_count(tiny_hub: ModelServer, tiny: Made) -> None:
    where = f"/cdn/{REPOSITORY}/tiny.gguf"
    tiny_hub.routes[f"{RESOLVE}/tiny.gguf"] = redirect(where)
    tiny_hub.routes[where] = with_headers(served(Content.of(tiny)), X_Linked_Etag="b" * 64, X_Repo_Commit="c" * 40)
    assert ask({**hub(tiny_hub), "sha256": "a" * 64}, open_to=tiny_hub.host).identity == f"commit:{COMMIT}"


@pytest.mark.parametrize("header", [{"X_Repo_Commit": "f" * 40}, {"X_Linked_Size": "5"}])
def test_a_hub_that_contradicts_itself_is_not_believed(header: dict[str, str], tiny_hub: ModelServer) -> None:
    path = f"{RESOLVE}/tiny.gguf"
    tiny_hub.routes[path] = with_headers(tiny_hub.routes[path], **header)
    refused(hub(tiny_hub), Reason.SOURCE_UNREACHABLE, open_to=tiny_hub.host)


def test_a_whole_repository_is_its_safetensors_and_what_describes_them(server: ModelServer) -> None:
    source = listed(
        server,
        *(
            a_file(path)
            for path in ("model-2.safetensors", "model-1.safetensors", "config.json", "vocab/tokenizer.json")
        ),
        *(a_file(path) for path in ("pytorch_model.bin", "x.PT", "x.ckpt", "x.pkl", "q4.gguf", "onnx/m.onnx", "a.zip")),
        {"type": "directory", "path": "vocab", "size": 0},
    )
    facts = ask(source, open_to=server.host)
    assert [file.path for file in facts.files] == [
        "config.json",
        "model-1.safetensors",
        "model-2.safetensors",
        "vocab/tokenizer.json",
    ]
    assert (facts.identity, facts.model, facts.size) == (f"commit:{COMMIT}", None, 40)


def test_a_repository_of_pickles_is_refused(server: ModelServer) -> None:
    source = listed(server, a_file("pytorch_model.bin"), a_file("config.json"))
    assert "no safetensors" in refused(source, Reason.NOT_A_MODEL, open_to=server.host).message


def test_a_list_goes_on_page_after_page(server: ModelServer) -> None:
    source = listed(server, a_file("a.safetensors"))
    first = server.routes[TREE]
    onward = with_headers(first, Link=f'<{server.base}{TREE}/2?cursor=x>; rel="next"')
    server.routes[TREE] = onward
    server.routes[f"{TREE}/2"] = lambda _: Reply.text(json.dumps([a_file("b.safetensors")]).encode())
    assert [file.path for file in ask(source, open_to=server.host).files] == ["a.safetensors", "b.safetensors"]
    assert server.asked[-1].query == "cursor=x"


def test_a_list_does_not_go_on_for_ever(server: ModelServer) -> None:
    source = listed(server, a_file("a.safetensors"))
    server.routes[TREE] = with_headers(server.routes[TREE], Link=f'<{server.base}{TREE}>; rel="next"')
    assert "pages" in refused(source, Reason.SOURCE_UNREACHABLE, open_to=server.host).message
    assert len(server.asked) == 21


def test_a_list_does_not_go_on_at_another_host(server: ModelServer) -> None:
    source = listed(server, a_file("a.safetensors"))
    server.routes[TREE] = with_headers(server.routes[TREE], Link='<http://example.com/x>; rel="next"')
    assert "another host" in refused(source, Reason.SOURCE_UNREACHABLE, open_to=server.host).message


@pytest.mark.parametrize(
    "path",
    [
        "../x.safetensors",
        "/etc/x.safetensors",
        "a/../../x",
        "a\\b",
        "a\nb",
        "x\0",
        "",
        "./x",
        "a/./b",
        "a\u202eb",
        "a" * 1025,
    ],
)
def test_paths_that_lead_out_of_the_folder_are_refused(path: str, server: ModelServer) -> None:
    source = listed(server, a_file("a.safetensors"), a_file(path))
    refused(source, Reason.NOT_A_MODEL, open_to=server.host)


@pytest.mark.parametrize("entry", [5, "x", None, {"type": "file"}, a_file("x", -1), {**a_file("x"), "size": True}])
def test_entries_that_are_no_files_are_not_believed(entry: object, server: ModelServer) -> None:
    refused(listed(server, a_file("a.safetensors"), entry), Reason.SOURCE_UNREACHABLE, open_to=server.host)


def test_a_repository_of_too_many_files_is_refused(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_FILES", 10)
    source = listed(server, *(a_file(f"{number}.safetensors") for number in range(11)))
    assert "more than 10 files" in refused(source, Reason.NOT_A_MODEL, open_to=server.host).message
