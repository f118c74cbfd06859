"""E-03 and S-04 for downloads: whatever a server does, a bad file never gets its final name, and the reason is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.weights import volume
from plimsoll.weights.getting import Order
from tests.support.fetching import PACE, REQUEST, bring, files_in, not_brought, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import Asked, Content, ModelServer, Reply, Route, changed, redirect, served
from tests.support.sources import PATIENT, Names
from tests.support.traps import trap
from tests.units.weights.test_web import name, part


@pytest.fixture
def content(tiny: Made) -> Content:
    return whole(tiny)


def at(server: ModelServer, route: Route, to: Path, **more: Any) -> Order:
    server.routes["/x.gguf"] = route
    return order({"http": {"url": f"{server.base}/x.gguf"}}, to, open_to=server.host, **more)


def later(route: Route, after: int, change: Callable[[Asked, Reply], Reply], *, wholly: bool = False) -> Route:
    """The route, and something else once so many parts were sent; `wholly` also to who asks what the file is."""
    lock, count = threading.Lock(), 0

    def answer(asked: Asked) -> Reply:
        nonlocal count
        is_part = asked.range != (0, FIRST_READ)
        with lock:
            count += is_part
            due = count > after and (is_part or wholly)
        return change(asked, route(asked)) if due else route(asked)

    return answer


def test_e_03_a_file_that_is_shorter_than_its_header_says_is_refused_before_it_is_loaded(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    trouble = not_brought(at(server, served(Content.text(content.data[:-1])), tmp_path), Reason.NOT_A_MODEL)
    assert "cut or damaged" in trouble.message
    assert len(server.asked) == 1


@pytest.mark.parametrize("lie", ["fewer", "closed", "shifted", "total", "none", "416"])
def test_e_03_a_server_that_lies_about_parts_is_left(
    lie: str, server: ModelServer, content: Content, tmp_path: Path
) -> None:
    def lying(asked: Asked, reply: Reply) -> Reply:
        assert asked.range is not None
        begin, end = asked.range[0], min(asked.range[1], content.size)
        told = {
            "shifted": f"bytes {begin + 1}-{end}/{content.size + 1}",
            "total": f"bytes {begin}-{end - 1}/{content.size + 1}",
            "none": "",
        }.get(lie, reply.headers["Content-Range"])
        if lie == "416":
            return Reply(416, length=0)
        body = content.chunks(begin, end - 1) if lie in ("fewer", "closed") else reply.body
        return Reply(206, {**reply.headers, "Content-Range": told}, body, None if lie == "closed" else reply.length)

    trouble = not_brought(at(server, later(served(content), 0, lying), tmp_path), Reason.DOWNLOAD_FAILED)
    assert ("changes" if lie in ("total", "416") else "4 tries in a row") in trouble.message


def test_e_03_a_server_that_sends_more_than_it_said_is_cut_off(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    def more(_: Asked, reply: Reply) -> Reply:
        assert not isinstance(reply.body, Content)
        assert reply.length is not None
        return replace(reply, body=chain(reply.body, [b"more"]), length=reply.length + 4)

    bring(at(server, later(served(content), 0, more), tmp_path))
    assert (tmp_path / "x.gguf").read_bytes() == content.data


def test_e_03_a_file_that_changes_meanwhile_begins_again(
    server: ModelServer, content: Content, tiny: Made, tmp_path: Path
) -> None:
    new = whole(tiny, content.size + 4096)
    lines = bring(
        at(server, later(served(content), 4, lambda asked, _: served(new, etag='"two"')(asked), wholly=True), tmp_path)
    )
    assert (tmp_path / "x.gguf").read_bytes() == new.data
    assert any("changes while it is downloaded" in line for line in lines)


def test_e_03_a_file_that_changes_between_two_starts_begins_again(
    server: ModelServer, content: Content, tiny: Made, tmp_path: Path
) -> None:
    broken = later(served(content), 5, lambda _, __: Reply(503, length=0))
    not_brought(at(server, broken, tmp_path), Reason.DOWNLOAD_FAILED)
    assert list((tmp_path / ".plimsoll").glob("*.part"))
    # Of the same size, so that only the ETag tells.
    new = Content.text(content.data[:-REQUEST] + bytes(REQUEST))
    bring(at(server, served(new, etag='"two"'), tmp_path))
    assert (tmp_path / "x.gguf").read_bytes() == new.data


def test_e_03_a_changed_file_is_not_what_was_accepted(
    server: ModelServer, content: Content, tiny: Made, tmp_path: Path
) -> None:
    new = later(served(content), 4, lambda asked, _: served(content, etag='"two"')(asked), wholly=True)
    not_brought(at(server, new, tmp_path, identity="etag:one"), Reason.CHECKSUM_MISMATCH)


def test_e_03_a_file_that_never_stays_the_same_is_given_up(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    count = iter(range(10_000))
    ever = changed(
        served(content), lambda _, reply: replace(reply, headers={**reply.headers, "ETag": f'"{next(count)}"'})
    )
    trouble = not_brought(at(server, ever, tmp_path), Reason.DOWNLOAD_FAILED)
    assert "changes" in trouble.message


def test_e_03_a_file_that_changes_a_little_later_each_time_is_given_up_too(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    tries, parts = 0, 0

    def moving(asked: Asked) -> Reply:
        nonlocal tries, parts
        if asked.range == (0, FIRST_READ):
            tries, parts = tries + 1, 0
        else:
            parts += 1
        return served(content, etag=f'"{tries + (parts > tries)}"')(asked)

    not_brought(at(server, moving, tmp_path), Reason.DOWNLOAD_FAILED, pace=replace(PACE, connections=1))
    assert tries == 4


def test_e_03_what_cannot_be_told_from_another_file_is_not_gone_on_with(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    """A server that names neither ETag nor time: the beginning of yesterday may be of another file."""
    not_brought(
        at(server, later(served(content, etag=None), 5, lambda *_: Reply(503, length=0)), tmp_path),
        Reason.DOWNLOAD_FAILED,
    )
    new = Content.text(content.data[:-REQUEST] + bytes(REQUEST))
    bring(at(server, served(new, etag=None), tmp_path))
    assert (tmp_path / "x.gguf").read_bytes() == new.data


def test_a_disk_that_is_too_small_is_told_with_both_numbers_before_anything_comes(
    server: ModelServer, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plimsoll.weights.getting.free_bytes", lambda _: content.size - 1)
    monkeypatch.setattr(volume, "free_bytes", lambda _: content.size - 1)
    trouble = not_brought(at(server, served(content), tmp_path), Reason.DISK_FULL)
    assert "has room for" in trouble.message
    assert "take" in trouble.message
    assert len(server.asked) == 1


REDIRECTED = (
    "http://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:{port}/x",
    "http://[::1]:{port}/x",
    "http://0.0.0.0:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://2130706433:{port}/x",
    "http://localhost:{port}/x",
    "http://10.255.255.1:{port}/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/x",
)


@pytest.mark.parametrize("where", REDIRECTED)
def test_s_04_a_redirect_in_the_middle_of_a_download_leads_nowhere_private(
    where: str, server: ModelServer, content: Content, tmp_path: Path
) -> None:
    with trap() as set_up:
        onward = redirect(where.format(port=set_up.port))
        not_brought(
            at(server, later(served(content), 3, lambda asked, _: onward(asked)), tmp_path), Reason.ADDRESS_REFUSED
        )
        assert set_up.visits() == 0


def test_s_04_a_name_that_means_something_private_at_the_next_try_is_refused(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    with trap() as set_up:
        server.routes["/x.gguf"] = later(served(content), 3, lambda *_: Reply(503, length=0))
        source = {"http": {"url": f"http://models.example.com:{server.port}/x.gguf"}}
        names = Names({"models.example.com": [[server.host], ["127.0.0.1"]]})
        not_brought(order(source, tmp_path, open_to=server.host), Reason.ADDRESS_REFUSED, resolve=names)
        assert len(names.asked) == 2
        assert set_up.visits() == 0


def test_s_04_within_one_try_a_name_means_what_was_checked(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    server.routes["/x.gguf"] = served(content)
    source = {"http": {"url": f"http://models.example.com:{server.port}/x.gguf"}}
    names = Names({"models.example.com": [[server.host], ["127.0.0.1"]]})
    bring(order(source, tmp_path, open_to=server.host), resolve=names)
    assert names.asked == ["models.example.com"]


def test_a_server_that_drips_is_left(server: ModelServer, content: Content, tmp_path: Path) -> None:
    over = threading.Event()

    def drops(asked: Asked, reply: Reply) -> Reply:
        def body() -> Iterator[bytes]:
            while not over.wait(0.001):
                yield b"x"

        return replace(reply, body=body())

    hasty = replace(PACE, slowest_block=0.02)
    try:
        wanted = at(server, later(served(content), 0, drops), tmp_path)
        trouble = not_brought(wanted, Reason.DOWNLOAD_FAILED, pace=hasty)
    finally:
        over.set()
    assert "too slowly" in trouble.message


def test_a_source_that_never_comes_to_tell_what_it_has_is_left(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    over = threading.Event()

    def drops(_: Asked) -> Reply:
        def body() -> Iterator[bytes]:
            while not over.wait(0.001):
                yield b"GGUF"

        return Reply(200, {}, body(), content.size)

    hasty = replace(PATIENT, source=0.02)
    try:
        trouble = not_brought(at(server, drops, tmp_path), Reason.SOURCE_UNREACHABLE, limits=hasty)
    finally:
        over.set()
    assert "within 0.02 s" in trouble.message


def test_the_last_file_of_several_that_is_bad_keeps_all_of_them_from_their_names(
    server: ModelServer, tmp_path: Path
) -> None:
    for number in range(3):
        server.add(f"/m/{name(number)}", part(number), etag=f'"{number}"')
    good = served(part(2), etag='"2"')
    server.routes[f"/m/{name(2)}"] = later(good, 0, lambda *_: Reply(404, length=0))
    wanted = order({"http": {"url": f"{server.base}/m/{name(0)}"}}, tmp_path, open_to=server.host)
    not_brought(wanted, Reason.SOURCE_NOT_FOUND)
    server.routes[f"/m/{name(2)}"] = good
    bring(wanted)
    assert len(files_in(tmp_path)) == 3
