"""A copy is whole or it is refused; of several the newest whole one is taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plimsoll.routing.changes import SchemaTooNew
from plimsoll.routing.copies import LARGEST_PIECE, DamagedCopy, pack, unpack, without_pods
from plimsoll.routing.document import SCHEMA, Document, Down, Hosted, Served, Version
from tests.support.routing_documents import DOCUMENTS, document, large_document, model, served

SMALL_PIECE = 1500
LARGE = large_document(models=40, keys=200)
OLDER = pack(LARGE, SMALL_PIECE)
NEWER_DOCUMENT = replace(LARGE, version=LARGE.version.next(), gateways=9)
NEWER = pack(NEWER_DOCUMENT, SMALL_PIECE)


@settings(max_examples=10, deadline=None)
@given(DOCUMENTS, st.integers(1025, 4000))
def test_a_copy_is_read_as_it_was_packed_in_pieces_that_fit(written: Document, largest: int) -> None:
    pieces = pack(written, largest)
    assert max(map(len, pieces)) <= largest
    assert unpack(reversed(pieces)) == written


def test_a_company_of_1000_models_and_5000_keys_fits_into_secrets() -> None:
    large = large_document()
    pieces = pack(large)
    assert all(len(piece) <= LARGEST_PIECE for piece in pieces)
    assert unpack(pieces) == large


def test_the_same_document_is_packed_into_the_same_bytes() -> None:
    assert pack(LARGE, SMALL_PIECE) == OLDER
    assert len(OLDER) > 3


def test_without_any_piece_there_is_no_copy_and_nothing_is_damaged() -> None:
    assert unpack([]) is None


def test_of_two_whole_copies_the_newer_one_is_taken() -> None:
    assert unpack([*NEWER, *OLDER]) == NEWER_DOCUMENT
    assert unpack([*OLDER, *NEWER]) == NEWER_DOCUMENT


@pytest.mark.parametrize("written", range(len(NEWER)))
def test_while_a_newer_copy_is_being_written_beside_it_the_older_one_counts(written: int) -> None:
    assert unpack([*OLDER, *NEWER[:written]]) == LARGE


def test_a_copy_that_was_half_overwritten_is_damaged() -> None:
    with pytest.raises(DamagedCopy, match="pieces are there") as damaged:
        unpack([*NEWER[:2], *OLDER[2:]])
    assert "set aside" in damaged.value.fix


@pytest.mark.parametrize("lost", range(len(OLDER)))
def test_a_copy_without_one_of_its_pieces_is_damaged(lost: int) -> None:
    with pytest.raises(DamagedCopy, match="pieces are there"):
        unpack([piece for number, piece in enumerate(OLDER) if number != lost])


@pytest.mark.parametrize("flipped", [0x01, 0x03, 0x20, 0x80], ids=hex)
def test_one_wrong_byte_anywhere_is_noticed(flipped: int) -> None:
    """Also in the numbers of the first line: with 0x03 a 1 becomes a 2."""
    (piece,) = pack(document(model()))
    for place in range(len(piece)):
        spoiled = bytearray(piece)
        spoiled[place] ^= flipped
        with pytest.raises(DamagedCopy):
            unpack([bytes(spoiled)])


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_a_piece_that_ends_early_is_noticed(data: st.DataObject) -> None:
    (piece,) = pack(document(model()))
    with pytest.raises(DamagedCopy):
        unpack([piece[: data.draw(st.integers(0, len(piece) - 1))]])


def test_a_damaged_copy_beside_a_whole_one_does_no_harm() -> None:
    assert unpack([b"", b"something else", *OLDER, NEWER[0][:-1], *NEWER[1:]]) == LARGE


def test_a_whole_copy_of_a_newer_schema_is_refused_as_such() -> None:
    with pytest.raises(SchemaTooNew):
        unpack(pack(replace(LARGE, schema=SCHEMA + 1)))


def test_a_copy_names_services_and_no_pods() -> None:
    down = Down(reason="AtZero", message="It is declared with 0 replicas.")
    lasting = without_pods(document(model("a/up"), model("a/down", down)))
    state = lasting.models["a/up"].state
    assert isinstance(state, Served)
    assert state == served(target="up", upstream=Hosted(service="chat.team-a.svc:8080"))
    assert lasting.models["a/down"].state == down


def test_a_copy_has_the_version_of_its_document() -> None:
    copy = unpack(pack(without_pods(document(version=Version(epoch=3, sequence=4)))))
    assert copy is not None
    assert copy.version == Version(epoch=3, sequence=4)
