"""A header is read with as few bytes as it takes, from servers that do as they should and from those that do not."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan import gguf, gguf_cursor
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.weights import ranged
from plimsoll.weights.reading import SourceReader, SourceRequest
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Made
from tests.support.model_server import (
    Asked,
    Content,
    ModelServer,
    Reply,
    Route,
    changed,
    served,
    with_headers,
    without_ranges,
)
from tests.support.sources import PATIENT, ask, refused


@pytest.fixture(scope="module")
def wide() -> Made:
    """A header of three mebibytes, most of it vocabulary: more than one read."""
    return maker.make(
        {**maker.values_of(maker.TINY, 7), "tokenizer.ggml.merges": ["a" * 1000] * 3000},
        maker.tensors_of(maker.TINY, "Q8_0"),
    )


def at(server: ModelServer, route: Route, path: str = "/x.gguf") -> dict[str, object]:
    server.routes[path] = route
    return {"http": {"url": f"{server.base}{path}?token=hidden"}}


def ranges(server: ModelServer) -> list[str]:
    return [asked.headers.get("range", "") for asked in server.asked]


def test_a_short_header_takes_one_request_for_the_first_mebibyte(server: ModelServer, tiny: Made) -> None:
    facts = ask(at(server, served(Content.of(tiny))), open_to=server.host)
    assert ranges(server) == [f"bytes=0-{FIRST_READ - 1}"]
    assert (facts.identity, facts.size) == ("etag:one", tiny.file_size)
    assert facts.model is not None
    assert facts.model.architecture == "llama"


def test_a_long_header_is_read_on_where_the_first_read_ended(server: ModelServer, wide: Made) -> None:
    assert FIRST_READ * 2 < len(wide.data) < FIRST_READ * 4
    ask(at(server, served(Content.of(wide))), open_to=server.host)
    begins = [int(each.removeprefix("bytes=").partition("-")[0]) for each in ranges(server)]
    assert begins[:2] == [0, FIRST_READ]
    assert begins == sorted(set(begins))
    assert server.asked[1].headers["if-range"] == '"one"'


def test_a_server_without_ranges_is_left_as_soon_as_the_header_is_complete(server: ModelServer, wide: Made) -> None:
    huge = Content(wide.data, 40 << 30)
    assert ask(at(server, without_ranges(huge)), open_to=server.host).size == 40 << 30
    # What is already on its way in buffers of both sides is all that comes beyond.
    assert (len(server.asked), server.sent < 64 << 20) == (1, True)


def test_a_server_that_tells_no_length_is_read_from_all_the_same(server: ModelServer, tiny: Made) -> None:
    huge = Content(tiny.data, 1 << 40)
    assert ask(at(server, without_ranges(huge, length=False)), open_to=server.host).size is None


def test_a_whole_file_that_tells_no_length_has_the_size_that_came(server: ModelServer, tiny: Made) -> None:
    # The header ends within the first read, but so does the file.
    facts = ask(at(server, without_ranges(Content.of(tiny), length=False)), open_to=server.host)
    assert tiny.file_size < FIRST_READ
    assert facts.size == tiny.file_size


def test_a_server_may_send_smaller_parts_than_it_was_asked_for(server: ModelServer, wide: Made) -> None:
    def halved(asked: Asked) -> Reply:
        begin, end = asked.range or (0, 0)
        return served(Content.of(wide))(
            Asked(asked.path, "", {"range": f"bytes={begin}-{begin + (end - begin) * 3 // 4}"})
        )

    assert ask(at(server, halved), open_to=server.host).model is not None


def test_parts_of_single_bytes_are_not_gathered_for_ever(server: ModelServer, tiny: Made) -> None:
    def single(asked: Asked) -> Reply:
        begin = (asked.range or (0, 0))[0]
        return served(Content.of(tiny))(Asked(asked.path, "", {"range": f"bytes={begin}-{begin}"}))

    assert "too small" in refused(at(server, single), Reason.SOURCE_UNREACHABLE, open_to=server.host).message
    assert len(server.asked) < 50


@pytest.mark.parametrize(
    "told",
    [
        "bytes 1-1048575/{size}",
        "bytes 1-1048576/{size}",
        "bytes 0-1048576/{size}",
        "bytes 5-4/{size}",
        "bytes 0-{size}/{size}",
        "bytes 0-10/5",
        "bytes 0-99999999999999999999/{size}",
        "bytes */{size}",
        "items 0-10/20",
        "bytes -1-10/20",
        "",
    ],
)
def test_another_part_than_was_asked_for_is_not_believed(told: str, server: ModelServer, tiny: Made) -> None:
    size = 5 << 20
    route = with_headers(served(Content(tiny.data, size)), Content_Range=told.format(size=size))
    trouble = refused(at(server, route), Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert "another part" in trouble.message
    assert "hidden" not in str(trouble.finding)


def test_a_part_that_is_cut_is_told(server: ModelServer, wide: Made) -> None:
    def cut(_: Asked, reply: Reply) -> Reply:
        return replace(reply, body=Content(wide.data, 1000))

    trouble = refused(
        at(server, changed(served(Content.of(wide)), cut)), Reason.SOURCE_UNREACHABLE, open_to=server.host
    )
    assert "early" in trouble.message


def test_a_part_that_is_cut_without_a_length_is_told_too(server: ModelServer, wide: Made) -> None:
    def cut(_: Asked, reply: Reply) -> Reply:
        return replace(reply, body=Content(wide.data, 1000), length=None)

    trouble = refused(
        at(server, changed(served(Content.of(wide)), cut)), Reason.SOURCE_UNREACHABLE, open_to=server.host
    )
    assert "only in part" in trouble.message


def test_a_size_that_cannot_be_is_no_model(server: ModelServer, tiny: Made) -> None:
    whole = Content(tiny.data, FIRST_READ)
    route = with_headers(served(whole), Content_Range=f"bytes 0-{FIRST_READ - 1}/{1 << 60}")
    refused(at(server, route), Reason.NOT_A_MODEL, open_to=server.host)


def test_a_file_that_is_shorter_than_its_tensors_is_no_model(server: ModelServer, tiny: Made) -> None:
    short = Content(tiny.data, tiny.file_size - 100)
    assert "cut or damaged" in refused(at(server, served(short)), Reason.NOT_A_MODEL, open_to=server.host).message


@pytest.mark.parametrize("packed", ["gzip", "br", "deflate", "x-unknown"])
def test_packed_answers_are_refused_because_nobody_asked_for_them(packed: str, server: ModelServer, tiny: Made) -> None:
    route = with_headers(served(Content.of(tiny)), Content_Encoding=packed)
    assert "packs" in refused(at(server, route), Reason.SOURCE_UNREACHABLE, open_to=server.host).message
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_file_that_changed_between_two_reads_is_read_again(server: ModelServer, wide: Made) -> None:
    def moving(asked: Asked) -> Reply:
        return served(Content.of(wide), etag='"old"' if len(server.asked) == 1 else '"new"')(asked)

    assert ask(at(server, moving), open_to=server.host).identity == "etag:new"


def test_a_server_that_ignores_if_range_is_found_out_by_its_etag(server: ModelServer, wide: Made) -> None:
    def ignoring(asked: Asked) -> Reply:
        plain = {name: value for name, value in asked.headers.items() if name != "if-range"}
        return served(Content.of(wide), etag='"old"' if len(server.asked) == 1 else '"new"')(
            replace(asked, headers=plain)
        )

    assert ask(at(server, ignoring), open_to=server.host).identity == "etag:new"


def test_a_file_that_never_stops_changing_is_told(server: ModelServer, wide: Made) -> None:
    def restless(asked: Asked) -> Reply:
        return served(Content.of(wide), etag=f'"{len(server.asked)}"')(asked)

    trouble = refused(at(server, restless), Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert "changes while it is read" in trouble.message


def test_a_size_that_changes_between_two_reads_is_a_change(server: ModelServer, wide: Made) -> None:
    def growing(asked: Asked) -> Reply:
        return served(Content(wide.data, wide.file_size + len(server.asked)), etag=None)(asked)

    trouble = refused(at(server, growing), Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert "changes while it is read" in trouble.message


def test_a_header_beyond_the_bound_is_not_read_to_its_end(
    server: ModelServer, wide: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = 2 << 20
    assert len(wide.data) > bound
    monkeypatch.setattr(gguf, "LARGEST_HEADER", bound)
    monkeypatch.setattr(gguf_cursor, "LARGEST_HEADER", bound)
    trouble = refused(at(server, served(Content.of(wide))), Reason.NOT_A_MODEL, open_to=server.host)
    assert "no real header is longer" in trouble.message
    assert server.sent <= bound


def test_a_header_that_says_to_be_too_long_is_believed_at_once(server: ModelServer) -> None:
    made = maker.make({"general.architecture": "llama", "x": "y"}, [])
    length = made.data.rindex(b"y") - 8
    content = Content(made.data[:length] + (70 << 20).to_bytes(8, "little"), 80 << 20)
    refused(at(server, served(content)), Reason.NOT_A_MODEL, open_to=server.host)
    assert server.sent == FIRST_READ


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":{"dtype"', "a safetensors file"),
        (b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix", "a Python pickle"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b'{"error": "no"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
    ],
)
def test_what_is_no_gguf_is_named(start: bytes, kind: str, server: ModelServer) -> None:
    route = served(Content(start, 5000))
    assert kind in refused(at(server, route), Reason.NOT_A_MODEL, open_to=server.host).message


def test_an_empty_file_is_called_empty(server: ModelServer) -> None:
    assert "empty" in refused(at(server, served(Content(b"", 0))), Reason.NOT_A_MODEL, open_to=server.host).message
    assert (
        "empty" in refused(at(server, without_ranges(Content(b"", 0))), Reason.NOT_A_MODEL, open_to=server.host).message
    )


def test_long_headers_are_read_one_at_a_time(server: ModelServer, wide: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged, "_LARGE", FIRST_READ)
    open_files: set[str] = set()
    together: list[int] = []

    def watched(asked: Asked) -> Reply:
        begin = (asked.range or (0, 0))[0]
        if begin > 0:
            open_files.add(asked.path)
            together.append(len(open_files))
        reply = served(Content.of(wide))(asked)
        if begin + (reply.length or 0) >= len(wide.data):
            open_files.discard(asked.path)
        return reply

    requests = [
        SourceRequest(at(server, watched, f"/{number}.gguf"), None, (f"{server.host}/32",)) for number in range(4)
    ]

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        await asyncio.gather(*(reader.read_source(request) for request in requests))

    asyncio.run(read())
    assert set(together) == {1}


def test_a_long_header_that_comes_slowly_does_not_keep_the_others_waiting(
    server: ModelServer, wide: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranged, "_LARGE", FIRST_READ)
    monkeypatch.setattr(ranged, "_SLOWEST_LARGE", 0.02)
    over = threading.Event()

    def slow(asked: Asked) -> Reply:
        if asked.range is not None and asked.range[0] > 0:
            over.wait(5)
        return served(Content.of(wide))(asked)

    try:
        trouble = refused(at(server, slow), Reason.SOURCE_UNREACHABLE, open_to=server.host)
    finally:
        over.set()
    assert "too slowly" in trouble.message
