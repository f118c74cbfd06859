"""The document that is put together from what an operator says."""

from __future__ import annotations

import pytest

from plimsoll.gateway.understanding import Understanding
from plimsoll.routing.changes import update_between
from plimsoll.routing.document import SCHEMA, Document, Version
from plimsoll.routing.encoding import UnreadableRouting, encode
from tests.support.played_operator import update
from tests.support.routing_documents import document, model

NEWER = b'{"message":"document","schema":%d}' % (SCHEMA + 1)


def numbered(sequence: int, *names: str) -> Document:
    return document(*map(model, names), version=Version(epoch=1, sequence=sequence))


ONE, TWO, THREE = numbered(1, "a/x"), numbered(2, "a/x", "a/y"), numbered(3, "a/y")


def heard(*messages: bytes) -> Understanding:
    made = Understanding()
    made.hear(messages)
    return made


def test_changes_are_put_on_the_document_one_after_another() -> None:
    made = heard(encode(ONE), update(ONE, TWO), update(TWO, THREE))
    assert made.document == THREE
    assert not made.ask_again


def test_what_came_already_changes_nothing() -> None:
    assert update_between(ONE, TWO)
    assert heard(encode(TWO), update(ONE, TWO)).document == TWO


def test_after_a_gap_it_asks_once_and_takes_nothing_but_a_whole_document() -> None:
    four = numbered(4, "a/z")
    made = heard(encode(ONE), update(TWO, THREE), update(THREE, four))
    assert (made.ask_again, made.document) == (True, None)
    made.ask_again = False
    made.hear([update(THREE, four)])
    assert (made.ask_again, made.document) == (False, None)
    made.hear([encode(THREE), update(THREE, four)])
    assert made.document == four
    made.hear([update(ONE, TWO, version=Version(epoch=1, sequence=9))])
    assert made.ask_again


def test_changes_before_any_document_are_a_gap() -> None:
    made = heard(update(ONE, TWO))
    assert made.ask_again
    assert made.document is None


def test_a_newer_schema_is_not_read_and_the_changes_to_it_are_not_put_on_the_document_before() -> None:
    made = heard(encode(ONE), NEWER, update(ONE, TWO, schema=SCHEMA + 1))
    assert made.document is None
    assert made.too_new == 2
    made.hear([encode(TWO)])
    assert made.document == TWO


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema":1}', encode(ONE)[:-1]])
def test_what_is_no_routing_document_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableRouting):
        heard(encode(ONE), data)
