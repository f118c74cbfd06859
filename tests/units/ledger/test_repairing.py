"""After a repair every good record is still there, every lost one is marked, and nothing was thrown away."""

from __future__ import annotations

import random
import stat
from pathlib import Path

import pytest

from plimsoll.cost.record import Record
from plimsoll.ledger.files import files_of
from plimsoll.ledger.reading import Lost, found_in
from plimsoll.ledger.repairing import Repaired, repair
from plimsoll.ledger.trouble import JournalDamaged, JournalInUse, JournalUnwritable
from tests.support.form import Form
from tests.support.journals import open_journal, read, written
from tests.support.usage import numbered, used

RECORDS = numbered(30)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return written(tmp_path, RECORDS)


def lost_in(folder: Path) -> list[int]:
    return [
        number for found in found_in(folder) if isinstance(found, Lost) for number in range(found.first, found.last + 1)
    ]


def test_what_is_sound_is_not_touched(tmp_path: Path, files: list[Path]) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    assert repair(tmp_path) == []
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before


def test_a_spoiled_record_becomes_a_mark_and_the_file_is_set_aside(tmp_path: Path, files: list[Path]) -> None:
    spoiled = files[1].read_bytes().replace(b'"req-7"', b'"req-8"', 1)
    files[1].write_bytes(spoiled)
    before = len(files[1].read_bytes().splitlines())
    (done,) = repair(tmp_path)
    assert (done.path, done.kept, done.lost) == (files[1], before - 1, 1)
    assert done.aside.read_bytes() == spoiled
    assert done.aside.parent == tmp_path
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    assert lost_in(tmp_path) == [7]
    assert read(tmp_path) == [record for record in RECORDS if record.request != "req-7"]
    with open_journal(tmp_path) as journal:
        assert [each.number for each in journal.replay()] == [*range(1, 7), *range(8, 31)]


def test_a_journal_goes_on_after_a_repair(tmp_path: Path, files: list[Path]) -> None:
    files[-1].write_bytes(files[-1].read_bytes()[:-5] + b"\0" * 40)
    (done,) = repair(tmp_path)
    assert (done.lost, lost_in(tmp_path)) == (0, [])  # at the end nobody can know
    with open_journal(tmp_path) as journal:
        assert journal.written == 29
        journal.write(used("req-30"))
    assert read(tmp_path) == RECORDS


def test_a_file_that_is_gone_is_marked_in_the_next(tmp_path: Path, files: list[Path]) -> None:
    begins = [file.first for file in files_of(tmp_path)]
    files[1].unlink()
    (done,) = repair(tmp_path)
    assert done.path == files[2]
    assert lost_in(tmp_path) == [*range(begins[1], begins[2])]
    assert repair(tmp_path) == []
    with open_journal(tmp_path) as journal:
        assert journal.written == 30


def test_what_was_confirmed_says_how_far_the_records_went(tmp_path: Path, files: list[Path]) -> None:
    with open_journal(tmp_path) as journal:
        journal.confirm(30)
    files[-1].write_bytes(b"".join(files[-1].read_bytes().splitlines(keepends=True)[:-2]))
    repair(tmp_path)
    assert lost_in(tmp_path) == [29, 30]
    with open_journal(tmp_path) as journal:
        journal.write(used("req-31"))
        assert journal.written == 31
        assert [each.number for each in journal.replay()] == [31]


def test_a_spoiled_confirmation_means_that_everything_is_handed_over_again(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "confirmed").write_bytes(b"?")
    (done,) = repair(tmp_path)
    assert done.aside.read_bytes() == b"?"
    with open_journal(tmp_path) as journal:
        assert [each.record for each in journal.replay()] == RECORDS


def test_a_second_damage_of_the_same_file_is_set_aside_beside_the_first(tmp_path: Path, files: list[Path]) -> None:
    asides = []
    for request in (b'"req-7"', b'"req-8"'):
        files[1].write_bytes(files[1].read_bytes().replace(request, b'"req-0"', 1))
        asides += [each.aside for each in repair(tmp_path)]
    assert len(set(asides)) == 2
    assert lost_in(tmp_path) == [7, 8]


def test_a_repair_that_was_cut_short_is_done_again(tmp_path: Path, files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes().replace(b'"req-7"', b'"req-8"', 1))
    files[1].with_name(f"{files[1].name}.new").write_bytes(b"half of a rep")
    assert len(repair(tmp_path)) == 1
    assert lost_in(tmp_path) == [7]


def test_a_journal_that_is_in_use_is_not_repaired(tmp_path: Path, files: list[Path]) -> None:
    with open_journal(tmp_path), pytest.raises(JournalInUse):
        repair(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritable):
        repair(tmp_path / "nothing")


def spoil(files: list[Path], chance: random.Random) -> None:
    """Anything that happens to files."""
    for _ in range(chance.randrange(1, 5)):
        there = [path for path in files if path.exists()]
        file = chance.choice(files)
        content = bytearray(file.read_bytes() if file in there else b"")
        begin = chance.randrange(len(content) + 1)
        end = min(len(content), begin + chance.choice([1, 5, 100, 900]))
        match chance.randrange(6):
            case 0:
                file.unlink(missing_ok=True)
                continue
            case 1:
                content[begin:end] = b""
            case 2:
                content[begin:end] = bytes(end - begin)
            case 3:
                content[begin:begin] = chance.randbytes(end - begin)
            case 4:
                content[begin:begin] = content[begin:end] + b"\n"
            case _ if there:
                content += chance.choice(there).read_bytes()
        file.write_bytes(content)


def test_whatever_happened_to_the_files_no_good_record_is_lost(tmp_path: Path, form: Form) -> None:
    chance = random.Random(form.seed)
    for round_ in range(form.count(small=8, large=1_000)):
        folder = tmp_path / str(round_)
        files = written(folder, RECORDS)
        with open_journal(folder) as journal:
            journal.confirm(chance.choice([0, 0, 3, 17, 30]))
        spoil(files, chance)
        good = read(folder)
        damaged = {path: path.read_bytes() for path in files if path.exists()}
        done = repair(folder)
        _holds(folder, good, done, damaged)


def _holds(folder: Path, good: list[Record], done: list[Repaired], damaged: dict[Path, bytes]) -> None:
    assert read(folder) == good
    assert all(record in RECORDS for record in good)
    assert all(each.aside.read_bytes() == damaged[each.path] for each in done)
    kept = [int(record.request[4:]) for record in read(folder)]
    assert kept == sorted(set(kept))
    assert not set(kept) & set(lost_in(folder))
    assert repair(folder) == []
    try:
        with open_journal(folder) as journal:
            written_before = journal.written
            journal.write(used("new"))
            assert journal.written == written_before + 1 > max(kept, default=0)
            list(journal.replay())
    except JournalDamaged as damage:
        raise AssertionError(damage.message) from damage
    assert read(folder)[-1] == used("new")
