"""What survives a loss of power: made durable in groups, by a thread that nobody waits for."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from plimsoll.ledger.files import files_of
from plimsoll.ledger.syncing import Pace
from plimsoll.ledger.trouble import JournalUnwritable
from tests.support.journals import Disk, open_journal, read
from tests.support.usage import numbered, used
from tests.support.waiting import wait_until


class Patience:
    """A pause that lasts until the test ends it."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.over = threading.Semaphore(0)

    def __call__(self, ending: threading.Event) -> None:
        self.entered.release()
        if not ending.is_set():
            self.over.acquire(timeout=30)


def test_a_burst_is_one_fsync(tmp_path: Path) -> None:
    disk, patience = Disk(), Patience()
    with open_journal(tmp_path, pace=Pace(patience, disk.pace.fsync)) as journal:
        for record in numbered(5):
            journal.write(record)
        assert patience.entered.acquire(timeout=10)
        assert journal.synced == 0
        patience.over.release()
        wait_until(lambda: journal.synced == 5, 10, "the burst is synced")
        assert len(disk.synced) == 1
        patience.over.release()


def test_nothing_is_synced_while_nothing_is_written(tmp_path: Path) -> None:
    disk = Disk()
    with open_journal(tmp_path, pace=disk.pace) as journal:
        journal.write(used())
        wait_until(lambda: journal.synced == 1, 10, "the record is synced")
    # The second is that of the end.
    assert len(disk.synced) == 2


def test_nobody_waits_for_a_disk_that_is_slow(tmp_path: Path) -> None:
    disk = Disk()
    disk.open.clear()
    with open_journal(tmp_path, pace=disk.pace) as journal:
        for record in numbered(20):  # over several files
            journal.write(record)
        assert read(tmp_path) == numbered(20)
        assert journal.synced == 0
        disk.open.set()


def test_synced_means_also_every_file_before(tmp_path: Path) -> None:
    disk = Disk()
    with open_journal(tmp_path, pace=disk.pace) as journal:
        disk.open.clear()
        for record in numbered(20):
            journal.write(record)
        begun = len(files_of(tmp_path))
        disk.open.set()
        wait_until(lambda: journal.synced == 20, 10, "everything is synced")
        assert len(set(disk.synced)) == begun


def test_after_the_end_everything_is_durable(tmp_path: Path) -> None:
    disk, patience = Disk(), Patience()
    with open_journal(tmp_path, pace=Pace(patience, disk.pace.fsync)) as journal:
        journal.write(used())
        patience.over.release(2)
    assert journal.synced == 1
    assert disk.synced


def test_a_disk_that_failed_once_is_not_believed_again(tmp_path: Path) -> None:
    disk = Disk()
    with open_journal(tmp_path, pace=disk.pace) as journal:
        journal.write(used("req-1"))
        wait_until(lambda: journal.synced == 1, 10, "the record is synced")
        disk.failure = OSError(errno.EIO, "Input/output error")
        journal.write(used("req-2"))
        wait_until(lambda: _is_refused(journal.require_room), 10, "the failure is noticed")
        disk.failure = None
        with pytest.raises(JournalUnwritable) as raised:
            journal.write(used("req-3"))
        assert "Input/output error" in raised.value.message
    assert journal.synced == 1  # though the last fsync, at the end, went well
    with open_journal(tmp_path) as journal:  # what the disk holds is known again
        journal.write(used("req-3"))
    assert read(tmp_path) == numbered(3)


def _is_refused(ask: object) -> bool:
    assert callable(ask)
    try:
        ask()
    except JournalUnwritable:
        return True
    return False
