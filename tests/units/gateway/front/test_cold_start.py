"""The copy of the routing document as Kubernetes mounts it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from plimsoll.gateway.cold_start import Copy
from plimsoll.routing.changes import SchemaTooNew
from plimsoll.routing.copies import DamagedCopy, pack
from plimsoll.routing.document import SCHEMA, Version
from tests.support.routing_documents import document, large_document, model

OLD = large_document(models=20, keys=50)
NEW = document(model("team-a/new"), version=Version(epoch=1, sequence=2))


def mounted(folder: Path, pieces: tuple[bytes, ...], name: str = "first", form: str = "{}/piece") -> None:
    """As the kubelet does it: a folder that is swapped behind links."""
    real = folder / f"..{name}"
    for number, piece in enumerate(pieces):
        path = Path(form.format(number))
        (real / path).parent.mkdir(parents=True, exist_ok=True)
        (real / path).write_bytes(piece)
        link = folder / path.parts[0]
        if not link.is_symlink():
            link.symlink_to(Path("..data") / path.parts[0])
    swapped = folder / "..data_tmp"
    swapped.symlink_to(real.name)
    swapped.rename(folder / "..data")


def test_pieces_behind_links_are_read_once_and_again_when_they_are_swapped(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    mounted(tmp_path, pack(OLD, 2000))
    assert copy.look() == OLD
    assert copy.look() is None
    mounted(tmp_path, pack(NEW), "second")
    assert copy.look() == NEW


@pytest.mark.parametrize("form", ["{}/piece", "piece-{}"])
def test_each_piece_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    pieces = pack(OLD, 2000)
    mounted(tmp_path, pieces, form=form)
    read: list[list[bytes]] = []
    monkeypatch.setattr("plimsoll.gateway.cold_start.unpack", read.append)
    Copy(tmp_path).look()
    assert sorted(read[0]) == sorted(pieces)


def test_pieces_may_lie_in_the_folder_itself_beside_anything_else(tmp_path: Path) -> None:
    for number, piece in enumerate(pack(OLD, 2000)):
        (tmp_path / f"piece-{number}").write_bytes(piece)
    (tmp_path / "README").write_text("no piece")
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "piece").write_text("too deep")
    assert Copy(tmp_path).look() == OLD


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_pieces_is_no_copy(tmp_path: Path, *, made: bool) -> None:
    folder = tmp_path / "copy"
    if made:
        folder.mkdir()
    assert Copy(folder).look() is None


def test_a_damaged_copy_is_told_once_and_the_next_good_one_is_read(tmp_path: Path) -> None:
    copy, piece = Copy(tmp_path), tmp_path / "piece"
    piece.write_bytes(pack(NEW)[0][:-1])
    with pytest.raises(DamagedCopy):
        copy.look()
    assert copy.look() is None
    piece.write_bytes(pack(NEW)[0])
    assert copy.look() == NEW


def test_a_copy_of_a_newer_schema_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "piece").write_bytes(pack(replace(NEW, schema=SCHEMA + 1))[0])
    with pytest.raises(SchemaTooNew):
        Copy(tmp_path).look()
