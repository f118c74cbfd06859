"""A folder that was complete once: nobody is asked for it again, and what changed since is not believed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from plimsoll.weights.getting import Order
from tests.support.fetching import bring, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import Content, ModelServer

# Not the time of the first write, as now might be: clocks of file systems are coarse.
LONG_AGO = (1.0, 1.0)
HERE_ALREADY = "all files are here already: nothing is downloaded"


@pytest.fixture
def content(tiny: Made) -> Content:
    return whole(tiny)


@pytest.fixture(params=[True, False], ids=["with_sha256", "without_sha256"])
def hashed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def complete(hashed: bool, server: ModelServer, content: Content, tmp_path: Path) -> Order:
    """What was brought; nobody has been asked since."""
    source: dict[str, Any] = {"http": {"url": server.add("/a/tiny.gguf", content)}}
    if hashed:
        source["sha256"] = hashlib.sha256(content.data).hexdigest()
    wanted = order(source, tmp_path, open_to=server.host)
    bring(wanted)
    server.asked.clear()
    return wanted


@pytest.fixture
def file(complete: Order) -> Path:
    return complete.folder.path / "tiny.gguf"


def put_another_in_its_place(file: Path, content: bytes) -> None:
    """Of the same time: as a copy that keeps times, or a volume that was made from a snapshot."""
    copy = file.with_name("copy")
    copy.write_bytes(content)
    shutil.copystat(file, copy)
    copy.replace(file)


def spoiled(content: Content) -> bytes:
    return content.data[:-1] + bytes([content.data[-1] ^ 1])


def test_a_second_start_asks_nobody(complete: Order, server: ModelServer) -> None:
    assert (bring(complete), server.asked) == ([HERE_ALREADY], [])


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_what_is_not_what_was_checked_comes_again(
    damage: str, complete: Order, file: Path, content: Content, server: ModelServer
) -> None:
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content.data[:-1] if damage == "cut" else spoiled(content))
        os.utime(file, LONG_AGO)
    bring(complete)
    assert server.asked
    assert file.read_bytes() == content.data


@pytest.mark.parametrize("note", [b"", b"[]", b"{", b'{"key": "%s", "files": [["tiny.gguf", 1, 2]]}', b"\xff"])
def test_a_note_that_cannot_be_read_says_nothing(
    note: bytes, complete: Order, file: Path, content: Content, server: ModelServer
) -> None:
    (complete.folder.own / "complete.json").write_bytes(note.replace(b"%s", complete.folder.key.encode()))
    bring(complete)
    assert server.asked
    assert file.read_bytes() == content.data


@pytest.mark.parametrize("hashed", [True], indirect=True)
def test_what_has_only_another_time_is_hashed_once_and_nobody_is_asked(
    complete: Order, file: Path, server: ModelServer
) -> None:
    os.utime(file, LONG_AGO)
    lines = bring(complete)
    assert lines == ["tiny.gguf is not as it was left", "all files are here, and have been checked"]
    assert (bring(complete), server.asked) == ([HERE_ALREADY], [])


@pytest.mark.parametrize("hashed", [True], indirect=True)
def test_another_file_in_its_place_is_found_out_although_size_and_time_are_the_same(
    complete: Order, file: Path, content: Content, server: ModelServer
) -> None:
    put_another_in_its_place(file, spoiled(content))
    assert any("was expected" in line for line in bring(complete))
    assert server.asked
    assert file.read_bytes() == content.data


@pytest.mark.parametrize("hashed", [True], indirect=True)
def test_a_copy_of_it_in_its_place_is_as_good(
    complete: Order, file: Path, content: Content, server: ModelServer
) -> None:
    put_another_in_its_place(file, content.data)
    bring(complete)
    assert (bring(complete), server.asked) == ([HERE_ALREADY], [])


@pytest.mark.parametrize("hashed", [False], indirect=True)
def test_what_has_no_hash_is_not_fetched_again_because_a_volume_numbers_its_files_anew(
    complete: Order, file: Path, content: Content, server: ModelServer
) -> None:
    put_another_in_its_place(file, content.data)
    assert (bring(complete), server.asked) == ([HERE_ALREADY], [])
