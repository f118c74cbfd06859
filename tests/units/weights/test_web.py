"""Weights on any web server: names, parts, tokens, and what a revision keeps of them."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.gguf_types import ValueType
from plimsoll.plan.observed import SourceFile
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Given, Made, Typed
from tests.support.model_server import Content, ModelServer, Reply, model_server, redirect, served
from tests.support.sources import Names, ask, refused

TENSORS = maker.tensors_of(maker.TINY, "Q8_0")
SHA256 = "a" * 64


def part(number: int, count: int = 3) -> Content:
    """One of the files of a model in three, as gguf-split makes them."""
    values: dict[str, Given] = dict(maker.values_of(maker.TINY, 7)) if number == 0 else {}
    values |= {"split.no": Typed(ValueType.UINT16, number), "split.count": count, "split.tensors.count": len(TENSORS)}
    each = -(-len(TENSORS) // 3)
    return Content.of(maker.make(values, TENSORS[number * each : (number + 1) * each]))


def name(number: int) -> str:
    return f"m-{number + 1:05}-of-00003.gguf"


@pytest.fixture
def split(server: ModelServer) -> str:
    """The address of the first of three files."""
    for number in range(3):
        server.add(f"/models/{name(number)}", part(number), etag=f'"{number}"')
    return f"{server.base}/models/{name(0)}"


def test_a_model_in_several_files_is_summed(server: ModelServer, split: str, tiny: Made) -> None:
    whole = ask({"http": {"url": server.add("/whole.gguf", tiny)}}, open_to=server.host)
    facts = ask({"http": {"url": split}}, open_to=server.host)
    assert facts.files == tuple(SourceFile(name(number), part(number).size) for number in range(3))
    assert facts.size == sum(part(number).size for number in range(3))
    assert facts.model == whole.model


def test_the_identity_of_several_files_changes_with_any_of_them(server: ModelServer, split: str) -> None:
    before = ask({"http": {"url": split}}, open_to=server.host).identity
    assert ask({"http": {"url": split}}, open_to=server.host).identity == before
    server.add(f"/models/{name(2)}", part(2), etag='"other"')
    assert ask({"http": {"url": split}}, open_to=server.host).identity != before


def test_parts_are_asked_for_with_the_query_of_the_first(server: ModelServer, split: str) -> None:
    ask({"http": {"url": f"{split}?key=k%2F1"}}, open_to=server.host)
    assert {asked.query for asked in server.asked} == {"key=k%2F1"}
    assert sorted(server.paths()) == [f"/models/{name(number)}" for number in range(3)]


def test_a_missing_part_is_named(server: ModelServer, split: str) -> None:
    del server.routes[f"/models/{name(1)}"]
    trouble = refused({"http": {"url": split}}, Reason.SOURCE_NOT_FOUND, open_to=server.host)
    assert name(1) in trouble.message


def test_a_part_of_another_model_is_refused(server: ModelServer, split: str) -> None:
    server.add(f"/models/{name(1)}", part(2))
    refused({"http": {"url": split}}, Reason.NOT_A_MODEL, open_to=server.host)


def test_a_model_that_is_not_named_by_its_first_part_is_refused(server: ModelServer) -> None:
    url = server.add("/models/model.gguf", part(0))
    trouble = refused({"http": {"url": url}}, Reason.NOT_A_MODEL, open_to=server.host)
    assert "name the first file" in trouble.finding.message


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/a/tiny.gguf", "tiny.gguf"),
        ("/a/tiny%20one.gguf", "tiny one.gguf"),
        ("/", "model.gguf"),
        ("/a/", "model.gguf"),
        ("/a/%2e%2e", "model.gguf"),
        ("/a/x%2fy", "model.gguf"),
        ("/a/x%5Cy", "model.gguf"),
        ("/a/x%0Ay", "model.gguf"),
        ("/a/x%7Fy", "model.gguf"),
        ("/download", "download"),
    ],
)
def test_a_file_is_called_as_its_address_ends_or_plainly(
    path: str, called: str, server: ModelServer, tiny: Made
) -> None:
    server.add(unquote(path), tiny)
    facts = ask({"http": {"url": f"{server.base}{path}"}}, open_to=server.host)
    assert [file.path for file in facts.files] == [called]


def test_a_sha256_of_the_spec_is_the_identity(server: ModelServer, tiny: Made) -> None:
    source = {"http": {"url": server.add("/x.gguf", tiny)}, "sha256": SHA256}
    assert ask(source, open_to=server.host).identity == f"sha256:{SHA256}"


@pytest.mark.parametrize(("etag", "identity"), [('"a-b"', "etag:a-b"), ('W/"a"', "etag:a")])
def test_an_etag_is_the_identity(etag: str, identity: str, server: ModelServer, tiny: Made) -> None:
    url = server.add("/x.gguf", tiny, etag=etag)
    assert ask({"http": {"url": url}}, open_to=server.host).identity == identity


@pytest.mark.parametrize("etag", [f'"{"x" * 300}"', '"\x85"'])
def test_an_etag_that_nobody_could_write_down_is_no_etag(etag: str, server: ModelServer, tiny: Made) -> None:
    identity = ask({"http": {"url": server.add("/x.gguf", tiny, etag=etag)}}, open_to=server.host).identity
    assert identity.isascii()
    assert len(identity) == len("etag:") + 64


def test_without_an_etag_a_hash_over_what_is_known_is(server: ModelServer, tiny: Made) -> None:
    url = server.add("/x.gguf", tiny, etag=None)
    first = ask({"http": {"url": url}}, open_to=server.host).identity
    assert ask({"http": {"url": url}}, open_to=server.host).identity == first
    assert len(first) == len("etag:") + 64
    server.add("/x.gguf", Content(tiny.data, tiny.file_size + 32), etag=None)
    assert ask({"http": {"url": url}}, open_to=server.host).identity != first


def test_a_token_goes_to_the_listed_host(server: ModelServer, tiny: Made) -> None:
    secret = {"token": "canary-token\n", "hosts": f"example.com, {server.host}"}
    source = {"http": {"url": server.add("/x.gguf", tiny)}, "credential": {"secretName": "s"}}
    ask(source, open_to=server.host, credential=secret)
    assert server.asked[0].headers["authorization"] == "Bearer canary-token"


def test_a_token_is_not_sent_to_a_host_that_is_not_listed(server: ModelServer, tiny: Made) -> None:
    source = {"http": {"url": server.add("/x.gguf", tiny)}}
    for hosts in ("", "example.com", f"x{server.host}", f"{server.host}:1", "*", f"*.{server.host}"):
        secret = {"token": "canary-token", "hosts": hosts}
        trouble = refused(source, Reason.HOST_NOT_ALLOWED, open_to=server.host, credential=secret)
        assert "canary" not in str(trouble.finding)
    assert server.asked == []


def test_a_token_stays_behind_when_the_host_changes_and_does_not_come_back(
    server: ModelServer, tiny: Made, address: str
) -> None:
    with model_server(address) as other:
        server.routes["/x.gguf"] = redirect("/y.gguf")
        server.routes["/y.gguf"] = redirect(f"{other.base}/z.gguf")
        other.routes["/z.gguf"] = redirect(f"{server.base}/model.gguf")
        server.add("/model.gguf", tiny)
        secret = {"token": "canary-token", "hosts": server.host}
        ask({"http": {"url": f"{server.base}/x.gguf"}}, open_to=server.host, credential=secret)
        told = [asked.headers.get("authorization") for asked in (*server.asked, *other.asked)]
    assert told == ["Bearer canary-token", "Bearer canary-token", None, None]


@pytest.mark.parametrize("token", [None, "", " ", "two words", "line\nbreak", "ключ", "x\0"])
def test_a_token_that_cannot_be_sent_is_told_without_it(token: str | None, server: ModelServer, tiny: Made) -> None:
    secret = {"hosts": server.host} | ({} if token is None else {"token": token})
    source = {"http": {"url": server.add("/x.gguf", tiny)}}
    trouble = refused(source, Reason.SECRET_MISSING, open_to=server.host, credential=secret)
    assert "`token`" in trouble.message
    assert server.asked == []


def test_cookies_are_not_taken_along(server: ModelServer, tiny: Made) -> None:
    server.routes["/x.gguf"] = lambda _: Reply(302, {"Location": "/y.gguf", "Set-Cookie": "a=b; Path=/"}, length=0)
    server.routes["/y.gguf"] = served(Content.of(tiny))
    # A name, because hosts that are addresses get no cookies from anybody.
    names = Names({"models.example.com": [[server.host]]})
    ask({"http": {"url": f"http://models.example.com:{server.port}/x.gguf"}}, open_to=server.host, resolve=names)
    assert "cookie" not in server.asked[1].headers


def test_the_proxy_of_the_environment_is_not_used(
    server: ModelServer, tiny: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask({"http": {"url": server.add("/x.gguf", tiny)}}, open_to=server.host).model is not None


def test_what_sizing_has_no_formula_for_has_an_identity_and_files_all_the_same(server: ModelServer) -> None:
    strange = maker.make({"general.architecture": "clip"}, [])
    facts = ask({"http": {"url": server.add("/x.gguf", strange)}}, open_to=server.host)
    assert (facts.model, facts.size) == (None, strange.file_size)
    assert facts.identity.startswith("etag:")
    assert "clip" in facts.unsized
