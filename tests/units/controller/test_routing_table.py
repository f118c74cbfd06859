"""Each gateway gets exactly what it has missed, or the whole document where that cannot be told in steps."""

from __future__ import annotations

import asyncio
from functools import reduce

import pytest
from msgspec.structs import replace

from plimsoll.controller.routing_table import RoutingTable
from plimsoll.routing.changes import apply
from plimsoll.routing.document import Document, Version
from tests.support.routing_documents import document, key, model


def after(before: Document, **new: object) -> Document:
    return replace(before, version=before.version.next(), **new)


def steps(count: int) -> list[Document]:
    """Each with another number of gateways, and so with one change."""
    made = [document(model())]
    for number in range(1, count):
        made.append(after(made[-1], gateways=number + 1))
    return made


def filled(documents: list[Document], kept_changes: int = 100) -> RoutingTable:
    table = RoutingTable(kept_changes)
    for each in documents:
        table.put(each)
    return table


def test_whoever_follows_the_steps_has_the_document() -> None:
    documents = steps(5)
    table = filled(documents)
    for known in documents:
        missed = table.since(known.version)
        assert missed is not None
        assert reduce(apply, missed, known) == documents[-1] == table.current


def test_before_the_first_document_there_is_nothing_to_send() -> None:
    table = RoutingTable()
    assert table.current is None
    assert table.since(Version(epoch=0, sequence=0)) is None


def test_what_says_nothing_new_is_no_version() -> None:
    first, *_ = steps(1)
    table = filled([first])
    table.put(after(first))
    assert table.current is first
    assert table.since(first.version) == []


def test_whoever_missed_too_much_gets_the_whole_document() -> None:
    documents = steps(5)
    table = filled(documents, kept_changes=2)
    assert table.since(documents[1].version) is None
    assert len(table.since(documents[2].version) or ()) == 2


def test_one_step_of_too_many_changes_is_not_kept() -> None:
    first = document(model())
    second = after(first, keys={f"{number:064x}": key(f"team-a/key-{number}") for number in range(3)})
    third = after(second, gateways=9)
    table = filled([first, second, third], kept_changes=2)
    assert table.since(first.version) is None
    assert len(table.since(second.version) or ()) == 1


def test_another_epoch_is_a_whole_document() -> None:
    first = document(model())
    table = filled([first, after(first, gateways=2)])
    later = replace(first, version=Version(epoch=first.version.epoch + 1, sequence=1))
    table.put(later)
    assert table.current is later
    assert table.since(first.version) is None
    assert table.since(later.version) == []


def test_another_epoch_counts_although_it_says_the_same() -> None:
    first = document(model())
    later = replace(first, version=Version(epoch=first.version.epoch + 1, sequence=1))
    assert filled([first, later]).current is later


def test_a_version_from_the_future_is_answered_with_what_there_is() -> None:
    (first,) = steps(1)
    assert filled([first]).since(first.version.next()) is None


def test_a_sequence_with_a_hole_is_no_step() -> None:
    first, second, third = steps(3)
    table = filled([first, second])
    table.put(replace(third, version=third.version.next()))
    assert table.since(second.version) is None


def test_a_version_never_goes_back() -> None:
    first, second = steps(2)
    table = filled([first, second])
    with pytest.raises(ValueError, match="does not follow"):
        table.put(first)


def test_who_waits_is_woken_by_what_is_newer() -> None:
    async def waits() -> None:
        first, second = steps(2)
        table = RoutingTable()
        waiting = asyncio.create_task(table.beyond(None))
        await asyncio.sleep(0)
        table.put(first)
        await waiting
        following = asyncio.create_task(table.beyond(first.version))
        await asyncio.sleep(0)
        table.put(after(first))
        await asyncio.sleep(0)
        assert not following.done()
        table.put(second)
        await following

    asyncio.run(waits())


def test_who_is_behind_does_not_wait() -> None:
    first, second = steps(2)
    table = filled([first, second])
    asyncio.run(table.beyond(first.version))
    asyncio.run(table.beyond(None))
