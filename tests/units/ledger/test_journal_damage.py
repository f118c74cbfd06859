"""A journal that is not as it was left: an end that was torn off is cut, anything else stops the start."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from plimsoll.ledger.files import files_of, path_of
from plimsoll.ledger.frames import Frame
from plimsoll.ledger.reading import found_in
from plimsoll.ledger.trouble import JournalDamaged, JournalTooNew
from plimsoll.ledger.walking import MOST_TORN, Damage, walk
from tests.support.form import Form
from tests.support.journals import open_journal, read, written
from tests.support.usage import numbered, used

RECORDS = numbered(20)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return written(tmp_path, RECORDS)


def lines_in(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def refused(folder: Path) -> str:
    """Why it does not open, and that it was left as it is."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(JournalDamaged) as raised, open_journal(folder):
        pass
    assert "plimsoll records repair" in raised.value.fix
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    return raised.value.message


def test_an_end_torn_off_anywhere_leaves_what_was_whole(tmp_path: Path, files: list[Path]) -> None:
    last = files[-1]
    whole, before = last.read_bytes(), len(RECORDS) - len(lines_in(last))
    for length in range(0, len(whole), 7):
        last.write_bytes(whole[:length])
        found = [*walk(files_of(tmp_path)[-1:])]
        good = [each.number for each in found if isinstance(each, Frame)]
        assert good == [*range(before + 1, before + whole[:length].count(b"\n") + 1)]
        torn = length - (whole[:length].rfind(b"\n") + 1)
        damages = [(each.bad.size, each.lost) for each in found if isinstance(each, Damage)]
        assert damages == ([(torn, None)] if torn else [])


@pytest.mark.parametrize("torn", [1, 40, 300])
def test_an_end_torn_off_is_cut_told_and_written_over(tmp_path: Path, files: list[Path], torn: int) -> None:
    whole = files[-1].read_bytes()
    files[-1].write_bytes(whole[:-torn])
    with open_journal(tmp_path) as journal:
        assert journal.cut is not None
        assert journal.cut.file.path == files[-1]
        assert journal.cut.offset == len(b"".join(lines_in(files[-1])))
        assert journal.cut.size > 0
        assert journal.written == len(RECORDS) - 1
        journal.write(RECORDS[-1])
    assert read(tmp_path) == RECORDS
    with open_journal(tmp_path) as journal:
        assert journal.cut is None


def test_an_end_of_zeros_is_cut(tmp_path: Path, files: list[Path]) -> None:
    with files[-1].open("ab") as file:
        file.write(bytes(4096))
    with open_journal(tmp_path) as journal:
        assert journal.cut is not None
        assert journal.cut.size == 4096
        assert journal.written == len(RECORDS)


def test_a_journal_of_which_only_half_a_record_is_there_begins_anew(tmp_path: Path) -> None:
    (file,) = written(tmp_path, [used("req-1")])
    file.write_bytes(file.read_bytes()[:50])
    with open_journal(tmp_path) as journal:
        assert journal.written == 0
        journal.write(used("req-1"))
    assert read(tmp_path) == [used("req-1")]


def test_an_end_that_is_longer_than_an_accident_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    with files[-1].open("ab") as file:
        file.write(bytes(MOST_TORN + 1))
    assert f"{MOST_TORN + 1} bytes" in refused(tmp_path)


def test_any_byte_that_changed_is_seen_and_no_record_is_made_up(tmp_path: Path, files: list[Path], form: Form) -> None:
    chance = random.Random(form.seed)
    for _ in range(form.count(small=60, large=2_000)):
        file = chance.choice(files)
        whole = file.read_bytes()
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        found = read(tmp_path)
        assert all(record in RECORDS for record in found)
        assert len(found) < len(RECORDS)
        assert any(isinstance(each, Damage) for each in found_in(tmp_path))
        file.write_bytes(whole)


@pytest.mark.parametrize("at", [0, 2])
def test_a_record_that_is_spoiled_before_good_ones_stops_the_start(tmp_path: Path, files: list[Path], at: int) -> None:
    lines = lines_in(files[1])
    lines[at] = lines[at].replace(b"team-a", b"team-b")
    files[1].write_bytes(b"".join(lines))
    message = refused(tmp_path)
    assert files[1].name in message
    assert "1 records are lost" in message


def test_a_record_that_is_missing_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    lines = lines_in(files[1])
    files[1].write_bytes(b"".join([*lines[:1], *lines[3:]]))
    assert "2 records are lost" in refused(tmp_path)


def test_an_end_torn_off_a_file_that_has_a_successor_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    lines = lines_in(files[-2])
    files[-2].write_bytes(b"".join(lines)[:-1])
    assert files[-2].name in refused(tmp_path)
    files[-2].write_bytes(b"".join(lines[:-1]))
    assert "1 records are lost" in refused(tmp_path)
    files[-1].write_bytes(b"")
    assert "1 records are lost" in refused(tmp_path)


def test_a_file_that_is_missing_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    with open_journal(tmp_path) as journal:
        journal.confirm(1)
    for gone in (files[1], files[0]):
        gone.unlink()
        assert "a part is missing" in refused(tmp_path)


def test_records_that_were_confirmed_and_are_gone_stop_the_start(tmp_path: Path, files: list[Path]) -> None:
    with open_journal(tmp_path) as journal:
        journal.confirm(20)
    files[-1].write_bytes(b"".join(lines_in(files[-1])[:-1]))
    assert "1 records are lost" in refused(tmp_path)


def test_a_file_that_is_there_twice_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    path_of(tmp_path, 21).write_bytes(files[1].read_bytes())
    assert "records-000000000021.v1" in refused(tmp_path)


def test_what_is_confirmed_is_not_read_again_at_a_start(tmp_path: Path, files: list[Path]) -> None:
    with open_journal(tmp_path) as journal:
        journal.confirm(len(lines_in(files[0])))
    files[0].write_bytes(bytes(100))
    with open_journal(tmp_path) as journal:
        assert next(iter(journal.replay())).number == len(RECORDS) - sum(map(len, map(lines_in, files[1:]))) + 1


def test_a_mark_of_confirmation_that_is_spoiled_stops_the_start(tmp_path: Path, files: list[Path]) -> None:
    for content in (b"", b"12", b"twelve\n", b"-1\n"):
        (tmp_path / "confirmed").write_bytes(content)
        assert "confirmed" in refused(tmp_path)


def test_what_a_newer_version_wrote_is_not_read_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "fields"
    (file,) = written(folder, [used("req-1")])
    newer = Frame(2, lines_in(file)[0][31:-1].replace(b'{"request"', b'{"region":"x","request"'))
    file.write_bytes(file.read_bytes() + newer.line)
    with open_journal(folder) as journal, pytest.raises(JournalTooNew):
        list(journal.replay())
    with pytest.raises(JournalTooNew):
        read(folder)
    later = tmp_path / "format"
    written(later, [used("req-1")])
    (later / "records-000000000002.v2").touch()
    with pytest.raises(JournalTooNew), open_journal(later):
        pass


def test_what_is_no_part_of_a_journal_is_left_alone(tmp_path: Path, files: list[Path]) -> None:
    for name in ("lost+found", "records-1.v1", "damaged-1-records-000000000001.v1", "records-000000000001.v1.new"):
        (tmp_path / name).write_text("something")
    with open_journal(tmp_path) as journal:
        assert [each.record for each in journal.replay()] == RECORDS
