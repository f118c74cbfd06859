"""Weights that come: from every kind of source, in parts or as a whole, resumed, and asked for only once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.weights.downloading import Pace
from tests.support import gguf_maker as maker
from tests.support.fetching import BLOCK, PACE, REQUEST, bring, files_in, not_brought, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import (
    Asked,
    Content,
    ModelServer,
    Reply,
    changed,
    redirect,
    served,
    with_headers,
    without_ranges,
)
from tests.units.weights.test_web import name, part


@pytest.fixture
def content(tiny: Made) -> Content:
    return whole(tiny)


@pytest.fixture
def url(server: ModelServer, content: Content) -> str:
    return server.add("/a/tiny.gguf", content)


def http(url: str, **more: str) -> dict[str, Any]:
    return {"http": {"url": url}, **more}


def downloads(server: ModelServer) -> list[tuple[int, int]]:
    """Without what was read to find out what the file is."""
    return [asked.range for asked in server.asked if asked.range and asked.range[1] <= 1 << 40][1:]


def test_a_file_comes_in_parts_over_several_connections(
    server: ModelServer, url: str, content: Content, tmp_path: Path
) -> None:
    bring(order(http(url), tmp_path / "m", open_to=server.host))
    assert (tmp_path / "m" / "tiny.gguf").read_bytes() == content.data
    parts = downloads(server)
    assert len(parts) == -(-content.size // REQUEST)
    assert min(parts)[0] == 0
    assert max(end - begin for begin, end in parts) <= REQUEST


def test_nothing_is_left_beside_the_file_but_what_is_ours(server: ModelServer, url: str, tmp_path: Path) -> None:
    bring(order(http(url), tmp_path, open_to=server.host))
    assert files_in(tmp_path) == ["tiny.gguf"]
    assert sorted(path.name for path in (tmp_path / ".plimsoll").iterdir()) == ["complete.json", "lock-1", "used"]


def test_another_identity_is_another_download(server: ModelServer, url: str, content: Content, tmp_path: Path) -> None:
    bring(order(http(url), tmp_path, open_to=server.host, identity="etag:one"))
    server.asked.clear()
    bring(order(http(url), tmp_path, open_to=server.host))
    assert server.asked


def test_other_weights_than_those_that_were_accepted_are_refused(server: ModelServer, url: str, tmp_path: Path) -> None:
    wanted = order(http(url), tmp_path, open_to=server.host, identity="etag:two")
    trouble = not_brought(wanted, Reason.CHECKSUM_MISMATCH)
    assert "etag:one" in trouble.message
    assert "etag:two" in trouble.message


def test_a_right_sha256_is_right_and_a_wrong_one_leaves_nothing(
    server: ModelServer, url: str, content: Content, tmp_path: Path
) -> None:
    digest = hashlib.sha256(content.data).hexdigest()
    bring(order(http(url, sha256=digest), tmp_path / "right", open_to=server.host))
    assert files_in(tmp_path / "right") == ["tiny.gguf"]
    trouble = not_brought(
        order(http(url, sha256="0" * 64), tmp_path / "wrong", open_to=server.host), Reason.CHECKSUM_MISMATCH
    )
    assert digest in trouble.message
    assert list((tmp_path / "wrong" / ".plimsoll").glob("*.part")) == []


def test_an_identity_that_is_a_sha256_is_checked_too(server: ModelServer, url: str, tmp_path: Path) -> None:
    wanted = order(http(url), tmp_path, open_to=server.host, identity="sha256:" + "0" * 64)
    not_brought(wanted, Reason.CHECKSUM_MISMATCH)


def test_a_server_without_ranges_sends_the_whole(server: ModelServer, content: Content, tmp_path: Path) -> None:
    for number, known in enumerate((True, False)):
        server.routes["/x.gguf"] = without_ranges(content, length=known)
        bring(order(http(f"{server.base}/x.gguf"), tmp_path / str(number), open_to=server.host))
        assert (tmp_path / str(number) / "x.gguf").read_bytes() == content.data


def test_a_server_may_send_less_than_it_was_asked_for(server: ModelServer, content: Content, tmp_path: Path) -> None:
    def shorter(asked: Asked) -> Reply:
        wanted = asked.range
        if wanted is None or wanted[1] - wanted[0] < 5000:
            return served(content)(asked)
        less = {**asked.headers, "range": f"bytes={wanted[0]}-{wanted[0] + 4999}"}
        return served(content)(Asked(asked.path, asked.query, less))

    server.routes["/x.gguf"] = shorter
    bring(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host))
    assert (tmp_path / "x.gguf").read_bytes() == content.data


def test_the_parts_of_a_split_model_lie_beside_each_other(server: ModelServer, tmp_path: Path) -> None:
    for number in range(3):
        server.add(f"/models/{name(number)}", part(number), etag=f'"{number}"')
    bring(order(http(f"{server.base}/models/{name(0)}"), tmp_path, open_to=server.host))
    assert files_in(tmp_path) == [name(number) for number in range(3)]


def test_a_name_is_made_plain_as_the_engine_is_told_it(server: ModelServer, content: Content, tmp_path: Path) -> None:
    server.add("/a/tiny one(2).gguf", content)
    bring(order(http(f"{server.base}/a/tiny%20one(2).gguf"), tmp_path, open_to=server.host))
    assert files_in(tmp_path) == ["tiny_one_2_.gguf"]


@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_breaks_is_made_again_and_goes_on(
    times: int, server: ModelServer, content: Content, tmp_path: Path
) -> None:
    left = [times]

    def broken(asked: Asked, reply: Reply) -> Reply:
        if asked.range and asked.range[0] >= REQUEST and left[0]:
            left[0] -= 1
            return Reply(reply.status, reply.headers, iter([b"x"]), reply.length)
        return reply

    server.routes["/x.gguf"] = changed(served(content), broken)
    one = Pace(connections=1, block=BLOCK, request=REQUEST)
    lines = bring(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host), pace=one)
    assert (tmp_path / "x.gguf").read_bytes() == content.data
    assert sum("trying again" in line for line in lines) == times
    assert sum(begin == 0 for begin, end in downloads(server) if end == REQUEST) == 1


def test_a_server_that_always_breaks_is_a_failed_download(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    def broken(asked: Asked, reply: Reply) -> Reply:
        whole_header = asked.range is None or asked.range[1] > content.size
        return reply if whole_header else Reply(reply.status, reply.headers, iter([b"x"]), reply.length)

    server.routes["/x.gguf"] = changed(served(content), broken)
    trouble = not_brought(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host), Reason.DOWNLOAD_FAILED)
    assert "4 tries in a row" in trouble.message


def test_a_server_that_never_answers_is_unreachable(server: ModelServer, tmp_path: Path) -> None:
    server.routes["/x.gguf"] = lambda _: Reply(503, length=0)
    lines = not_brought(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host), Reason.SOURCE_UNREACHABLE)
    assert "503" in lines.message
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, Reason.SOURCE_NOT_FOUND), (403, Reason.SOURCE_FORBIDDEN), (401, Reason.SOURCE_FORBIDDEN)],
)
def test_what_trying_again_does_not_heal_is_told_at_once(
    status: int, reason: Reason, server: ModelServer, tmp_path: Path
) -> None:
    server.routes["/x.gguf"] = lambda _: Reply(status, length=0)
    not_brought(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host), reason)
    assert len(server.asked) == 1


def test_a_redirect_is_followed_for_every_part(server: ModelServer, content: Content, tmp_path: Path) -> None:
    server.routes["/x.gguf"] = redirect("/far/y.gguf")
    server.add("/far/y.gguf", content)
    bring(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host))
    assert (tmp_path / "x.gguf").read_bytes() == content.data


def test_an_empty_header_file_without_tensors_is_a_file_too(server: ModelServer, tmp_path: Path) -> None:
    strange = maker.make({"general.architecture": "clip"}, [])
    url = server.add("/x.gguf", strange)
    bring(order(http(url), tmp_path, open_to=server.host))
    assert files_in(tmp_path) == ["x.gguf"]


def test_a_packed_answer_is_refused(server: ModelServer, content: Content, tmp_path: Path) -> None:
    server.routes["/x.gguf"] = with_headers(served(content), Content_Encoding="gzip")
    not_brought(order(http(f"{server.base}/x.gguf"), tmp_path, open_to=server.host), Reason.SOURCE_UNREACHABLE)


def test_the_pace_of_the_product_loses_at_most_a_chunk_of_sixteen_mebibytes() -> None:
    assert Pace().connections * Pace().block <= 16 << 20
    assert PACE.connections == Pace().connections
