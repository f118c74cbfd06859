"""The journal as the gateway uses it: write, go on after a restart, hand over, make room."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.ledger.files import files_of
from plimsoll.ledger.frames import read as read_line
from plimsoll.ledger.journal import Journal, Room
from plimsoll.ledger.trouble import JournalFull, JournalInUse
from tests.support.journals import SMALL, Disk, open_journal, read, written
from tests.support.usage import numbered, used
from tests.support.waiting import wait_until


def test_a_record_is_there_for_others_when_write_returns(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.write(used("req-1"))
        assert read(tmp_path) == [used("req-1")]
        journal.write(used("req-2", attempt=2, first_token_seconds=None))
        assert read(tmp_path) == [used("req-1"), used("req-2", attempt=2, first_token_seconds=None)]


def test_a_restart_goes_on_with_the_next_number(tmp_path: Path) -> None:
    for round_ in range(3):
        with open_journal(tmp_path) as journal:
            assert journal.written == 7 * round_
            assert journal.cut is None
            for record in numbered(7, 7 * round_ + 1):
                journal.write(record)
    assert read(tmp_path) == numbered(21)


def test_numbers_go_on_when_everything_that_is_confirmed_was_taken_away(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        for record in numbered(3):
            journal.write(record)
    with open_journal(tmp_path) as journal:
        journal.confirm(3)
    for file in files_of(tmp_path):
        file.path.unlink()
    with open_journal(tmp_path) as journal:
        journal.write(used("req-4"))
        assert journal.written == 4
    assert [file.first for file in files_of(tmp_path)] == [4]


def test_nobody_but_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "records"
    written(folder, numbered(9))
    with open_journal(folder) as journal:
        journal.confirm(9)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) > 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_journal_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with open_journal(tmp_path):
        with pytest.raises(JournalInUse) as raised, open_journal(tmp_path):
            pass
        assert str(tmp_path) in raised.value.message
    with open_journal(tmp_path):
        pass


def test_a_file_that_is_full_is_followed_by_another_and_no_record_is_split(tmp_path: Path) -> None:
    files = written(tmp_path, numbered(20))
    assert len(files) > 3
    begins = [file.first for file in files_of(tmp_path)]
    for file, first in zip(files, begins, strict=True):
        assert 0 < file.stat().st_size <= SMALL.file
        line = read_line(file.read_bytes().splitlines(keepends=True)[0])
        assert line is not None
        assert line.number == first


def test_what_is_not_confirmed_is_handed_over_again_after_a_restart(tmp_path: Path) -> None:
    written(tmp_path, numbered(20))
    with open_journal(tmp_path) as journal:
        assert [each.record for each in journal.replay()] == numbered(20)
        journal.confirm(13)
        journal.confirm(4)  # an older one changes nothing
    with open_journal(tmp_path) as journal:
        assert [each.number for each in journal.replay()] == [*range(14, 21)]
        assert [each.record for each in journal.replay()] == numbered(7, 14)
        journal.write(used("req-21"))
        assert [each.number for each in journal.replay()] == [*range(14, 22)]
        journal.confirm(20)
        wait_until(lambda: journal.synced == 21, 10, "the last record is synced")
        journal.confirm(21)
        assert list(journal.replay()) == []


def test_what_a_loss_of_power_could_take_cannot_be_confirmed(tmp_path: Path) -> None:
    disk = Disk()
    disk.open.clear()
    with open_journal(tmp_path, pace=disk.pace) as journal:
        journal.write(used("req-1"))
        with pytest.raises(ValueError, match="record 1"):
            journal.confirm(1)
        disk.open.set()
        wait_until(lambda: journal.synced == 1, 10, "the record is synced")
        journal.confirm(1)


def fill(journal: Journal, let_in: Callable[[], None] = lambda: None) -> None:
    """More than there is room for."""
    for number in range(100):
        let_in()
        journal.write(used(f"req-{number}"))


def test_only_what_is_confirmed_makes_room(tmp_path: Path) -> None:
    room = Room(file=2_000, most=8_000, reserve=0)
    with open_journal(tmp_path, room) as journal:
        with pytest.raises(JournalFull) as raised:
            fill(journal)
        assert "room" in raised.value.fix
        before, taken = journal.written, len(read(tmp_path))
        assert before == taken
        wait_until(lambda: journal.synced == before, 10, "everything is synced")
        second = files_of(tmp_path)[1].first
        journal.confirm(second - 2)
        with pytest.raises(JournalFull):
            journal.write(used("still one too many"))
        journal.confirm(second - 1)
        journal.write(used("there is room"))
        wait_until(lambda: files_of(tmp_path)[0].first == second, 10, "the first file is gone")
    assert sum(file.path.stat().st_size for file in files_of(tmp_path)) <= room.most


def test_calls_are_refused_before_those_under_way_lose_their_records(tmp_path: Path) -> None:
    room = Room(file=2_000, most=10_000, reserve=3_000)
    with open_journal(tmp_path, room) as journal:
        journal.require_room()
        with pytest.raises(JournalFull):
            fill(journal, let_in=journal.require_room)
        for number in range(6):
            journal.write(used(f"under-way-{number}"))
        wait_until(lambda: journal.synced == journal.written, 10, "everything is synced")
        journal.confirm(journal.written)
        journal.require_room()


def test_a_journal_that_was_begun_and_never_written_is_none_the_worse(tmp_path: Path) -> None:
    for _ in range(3):
        with open_journal(tmp_path) as journal:
            assert list(journal.replay()) == []
    assert written(tmp_path, numbered(1)) == [file.path for file in files_of(tmp_path)]
