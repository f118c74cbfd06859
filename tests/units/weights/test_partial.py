"""The journal of a file that is not complete: what it names is there, and nothing else counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.weights.checksums import Checksum
from plimsoll.weights.client import Target
from plimsoll.weights.guard import address_of
from plimsoll.weights.partial import Partial
from plimsoll.weights.progress import Progress
from plimsoll.weights.remote_files import RemoteFile
from plimsoll.weights.spans import Span, Spans

FILE = RemoteFile("x.gguf", lambda: Target(address_of("https://example.com/x", "spec.source.http.url")), 100, '"one"')


def nobody_else() -> None:
    """The lock is ours."""


def written(folder: Path, *blocks: tuple[int, bytes], file: RemoteFile = FILE) -> Partial:
    async def write() -> Partial:
        async with Partial(folder, file, nobody_else) as part:
            await asyncio.gather(*(part.write(begin, data) for begin, data in blocks))
        return part

    return asyncio.run(write())


def seen(folder: Path, file: RemoteFile = FILE) -> list[tuple[int, int]]:
    """What would have to come at the next start."""
    return [(span.begin, span.end) for span in Partial(folder, file, nobody_else).missing()]


def journal(folder: Path) -> Path:
    (found,) = folder.glob("*.journal")
    return found


def test_what_was_written_does_not_come_again(tmp_path: Path) -> None:
    part = written(tmp_path, (0, b"a" * 10), (50, b"b" * 10))
    assert seen(tmp_path) == [(10, 50), (60, 100)]
    assert part.path.read_bytes()[50:60] == b"b" * 10


@pytest.mark.parametrize(
    "other",
    [
        replace(FILE, validator='"two"'),
        replace(FILE, size=101),
        replace(FILE, checksum=Checksum("sha256", "a" * 64)),
        replace(FILE, validator=None),
    ],
)
def test_the_beginning_of_another_file_is_forgotten(other: RemoteFile, tmp_path: Path) -> None:
    written(tmp_path, (0, b"a" * 10))
    assert seen(tmp_path, other) == [(0, other.size)]


@pytest.mark.parametrize(
    "more",
    [
        "20 3",  # cut while it was written: perhaps it was to be 20 300
        "\0" * 20,
        "30 20\n",
        "-1 5\n",
        "90 101\n",
        "40 50\n",  # the file is shorter: its bytes never reached the disk
        "1 2 3\nx y\n\n",
    ],
)
def test_a_damaged_line_of_the_journal_names_nothing(more: str, tmp_path: Path) -> None:
    written(tmp_path, (0, b"a" * 10))
    path = journal(tmp_path)
    path.write_text(path.read_text() + more)
    assert seen(tmp_path) == [(10, 100)]


def test_a_line_that_was_cut_does_not_run_into_the_next(tmp_path: Path) -> None:
    written(tmp_path, (0, b"a" * 10))
    path = journal(tmp_path)
    path.write_text(path.read_text() + "5")
    written(tmp_path, (20, b"b" * 10))
    assert seen(tmp_path) == [(10, 20), (30, 100)]


def test_a_journal_without_its_file_names_nothing(tmp_path: Path) -> None:
    written(tmp_path, (0, b"a" * 10)).path.unlink()
    assert seen(tmp_path) == [(0, 100)]


def test_a_file_that_was_checked_is_not_checked_again(tmp_path: Path) -> None:
    async def finish() -> None:
        async with Partial(tmp_path, FILE, nobody_else) as part:
            await part.write(0, b"a" * 100)
            await part.finish()

    asyncio.run(finish())
    assert Partial(tmp_path, FILE, nobody_else).checked
    path = journal(tmp_path)
    path.write_text(path.read_text().replace("0 100\n", "0 99\n"))
    assert not Partial(tmp_path, FILE, nobody_else).checked


def test_who_has_lost_the_lock_writes_nothing_into_the_journal(tmp_path: Path) -> None:
    def lost() -> None:
        raise PermissionError

    async def write() -> None:
        async with Partial(tmp_path, FILE, lost) as part:
            await part.write(0, b"a")

    with pytest.raises(Exception, match="could not be written"):
        asyncio.run(write())
    assert seen(tmp_path) == [(0, 100)]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20))))
def test_spans_know_every_byte(spans: list[tuple[int, int]]) -> None:
    known, expected = Spans(), set[int]()
    for begin, size in spans:
        known.add(Span(begin, begin + size))
        expected |= set(range(begin, begin + size))
    missing = {at for gap in known.missing(50) for at in range(gap.begin, gap.end)}
    assert missing == set(range(50)) - expected
    assert known.size == len(expected)


def test_progress_is_told_every_five_seconds_at_most() -> None:
    lines: list[str] = []
    clock = [100.0]
    progress = Progress(lines.append, lambda: clock[0])
    progress.begin(4 << 30, 1 << 30)
    for _ in range(100):
        clock[0] += 0.25
        progress.add(16 << 20)
    assert lines[0] == "downloading 4 GiB, 1 GiB of it are here already"
    assert lines[1] == "1.3 GiB of 4 GiB (32 %), 64 MiB/s, 43 s left"
    assert len(lines) == 1 + 5
