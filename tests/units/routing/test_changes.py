"""A gateway that follows changes ends with the document of the operator, or knows that it missed something."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from plimsoll.routing.changes import (
    Gap,
    KeyChange,
    ModelChange,
    SchemaTooNew,
    Update,
    apply,
    changed,
    difference,
    newer,
    update_between,
)
from plimsoll.routing.document import SCHEMA, Document, Version
from plimsoll.routing.limits import Limits
from tests.support.routing_documents import DOCUMENTS, document, key, large_document, model, served


def update(version: Version, schema: int = SCHEMA) -> Update:
    return Update(schema=schema, version=version, changes=(ModelChange(name="team-a/chat", entry=None),))


@settings(max_examples=10, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_the_old_document_with_the_difference_in_it_is_the_new_one(old: Document, new: Document) -> None:
    assert changed(old, difference(old, new), new.version) == new


@settings(max_examples=10, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_a_change_is_only_what_differs(old: Document, new: Document) -> None:
    assert difference(old, old) == []
    for change in difference(old, new):
        if isinstance(change, ModelChange):
            assert old.models.get(change.name) != change.entry


@settings(max_examples=10, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_whoever_still_serves_by_the_old_document_sees_nothing_of_a_change(old: Document, new: Document) -> None:
    before = replace(old, models=dict(old.models), keys=dict(old.keys), teams=dict(old.teams))
    changed(old, difference(old, new), new.version)
    assert old == before


def test_documents_that_say_the_same_need_no_message() -> None:
    old = document(model())
    assert update_between(old, replace(old, version=old.version.next())) is None


def test_the_next_update_is_followed() -> None:
    old = document(model())
    new = document(model(state=served(revision=2)), version=old.version.next(), gateways=2)
    message = update_between(old, new)
    assert message is not None
    assert apply(old, message) == new


@pytest.mark.parametrize("version", [(1, 3), (1, 2), (0, 9), (0, 4)], ids=str)
def test_an_update_that_is_not_newer_changes_nothing(version: tuple[int, int]) -> None:
    known = document(model(), version=Version(epoch=1, sequence=3))
    assert apply(known, update(Version(epoch=version[0], sequence=version[1]))) is known


@pytest.mark.parametrize("version", [(1, 5), (2, 0), (2, 1), (2, 4)], ids=str)
def test_an_update_after_one_that_was_missed_is_a_gap(version: tuple[int, int]) -> None:
    known = document(model(), version=Version(epoch=1, sequence=3))
    with pytest.raises(Gap, match="does not follow"):
        apply(known, update(Version(epoch=version[0], sequence=version[1])))


def test_an_update_of_a_newer_schema_is_refused_even_when_it_is_old_news() -> None:
    known = document(model(), version=Version(epoch=9, sequence=9))
    with pytest.raises(SchemaTooNew) as refused:
        apply(known, update(Version(epoch=1, sequence=1), schema=SCHEMA + 1))
    assert f"schema {SCHEMA + 1}" in refused.value.message
    assert "roll the gateways out" in refused.value.fix


@pytest.mark.parametrize(
    ("known", "received", "wins"),
    [((1, 9), (2, 0), (2, 0)), ((2, 0), (1, 9), (2, 0)), ((1, 1), (1, 2), (1, 2)), ((1, 2), (1, 1), (1, 2))],
    ids=str,
)
def test_of_two_whole_documents_the_leader_with_the_higher_epoch_is_right_then_the_higher_number(
    known: tuple[int, int], received: tuple[int, int], wins: tuple[int, int]
) -> None:
    one, other = (document(version=Version(epoch=pair[0], sequence=pair[1])) for pair in (known, received))
    assert newer(one, other).version == Version(epoch=wins[0], sequence=wins[1])


def test_the_first_document_is_the_newest_and_a_newer_schema_is_refused() -> None:
    first = document()
    assert newer(None, first) is first
    with pytest.raises(SchemaTooNew):
        newer(None, replace(first, schema=SCHEMA + 1))


def test_a_key_that_is_gone_and_one_that_is_new_are_one_change_each() -> None:
    old, new = document(keys={"a" * 64: key()}), document(keys={"b" * 64: key()})
    assert difference(old, new) == [KeyChange(name="b" * 64, entry=key()), KeyChange(name="a" * 64, entry=None)]


def test_a_company_of_1000_models_and_5000_keys_is_followed_change_by_change() -> None:
    old = large_document()
    name, digest = next(iter(old.models)), next(iter(old.keys))
    models = {**old.models, name: replace(old.models[name], state=served(revision=99))}
    keys = {known: entry for known, entry in old.keys.items() if known != digest}
    new = replace(
        old, version=old.version.next(), models=models, keys=keys, teams={**old.teams, "team-1": Limits(requests=1)}
    )
    message = update_between(old, new)
    assert message is not None
    assert len(message.changes) == 3
    assert apply(old, message) == new
