"""A disk that is full, gone or worn out: what was written stays whole, and a call is refused, not lost."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plimsoll.ledger.journal import Room
from plimsoll.ledger.trouble import JournalFull, JournalUnwritable
from tests.support.journals import open_journal, read
from tests.support.usage import numbered, used

LARGE = Room(file=100_000, most=1_000_000, reserve=1_000)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process can grow beyond; the kernel takes the part of a write that fits, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Broken:
    """A file of which nothing is left but the errors."""

    def write(self, _: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    def truncate(self, _: int) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    def fileno(self) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    def close(self) -> None:
        pass


def test_half_a_record_is_taken_away_and_the_next_one_fits(tmp_path: Path) -> None:
    with open_journal(tmp_path, LARGE) as journal:
        journal.write(used("req-1"))
        size = sum(path.stat().st_size for path in tmp_path.glob("records-*"))
        with room_for(size + 100), pytest.raises(JournalFull):
            journal.write(used("does not fit"))
        assert sum(path.stat().st_size for path in tmp_path.glob("records-*")) == size
        journal.write(used("req-2"))
        assert journal.written == 2
        assert read(tmp_path) == numbered(2)


def test_half_a_record_that_cannot_be_taken_away_is_taken_away_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_journal(tmp_path, LARGE) as journal:
        journal.write(used("req-1"))
        size = journal._size
        with monkeypatch.context() as patched:
            patched.setattr(journal, "_mend", _fails)
            with room_for(size + 100), pytest.raises(JournalFull):
                journal.write(used("does not fit"))
        assert journal._file.tell() == size + 100
        journal.write(used("req-2"))
    assert read(tmp_path) == numbered(2)


def _fails() -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_calls_are_refused_while_the_disk_has_no_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 10 * LARGE.reserve
    with open_journal(tmp_path, Room(file=100_000, most=1_000_000, reserve=1_000, look=1_500)) as journal:
        monkeypatch.setattr(journal, "_free", lambda: free)
        journal.require_room()
        free = 999
        journal.require_room()  # the disk is not asked for every call
        for record in numbered(4):
            journal.write(record)
        for _ in range(2):
            with pytest.raises(JournalFull, match="999 B"):
                journal.require_room()
        free = 1_000
        journal.require_room()


def test_the_disk_is_asked_again_as_soon_as_it_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path, LARGE) as journal:
        journal.require_room()
        with room_for(10), pytest.raises(JournalFull):
            journal.write(used())
        monkeypatch.setattr(journal, "_free", lambda: 0)
        with pytest.raises(JournalFull):
            journal.require_room()


def test_a_disk_that_takes_nothing_more_ends_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path) as journal:
        journal.write(used("req-1"))
        with monkeypatch.context() as patched:
            patched.setattr(journal, "_file", Broken())
            with pytest.raises(JournalUnwritable) as raised:
                journal.write(used("req-2"))
            assert "Read-only" in raised.value.message
        for ask in (journal.require_room, lambda: journal.write(used("req-2"))):
            with pytest.raises(JournalUnwritable):
                ask()
    assert read(tmp_path) == numbered(1)


def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "records"):
        with pytest.raises(JournalUnwritable) as raised, open_journal(folder):
            pass
        assert str(folder) in raised.value.message


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_a_journal_leaves_no_open_file_behind(tmp_path: Path) -> None:
    before = open_files()
    with open_journal(tmp_path) as journal:
        for record in numbered(20):
            journal.write(record)
        list(journal.replay())
    assert open_files() == before
