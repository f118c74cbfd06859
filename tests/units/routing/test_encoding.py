"""What travels is read whole or not at all, and what is secret shows nowhere but in the bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from plimsoll.routing.changes import SchemaTooNew, Update, difference
from plimsoll.routing.document import SCHEMA, Document, Provider
from plimsoll.routing.encoding import UnreadableRouting, decode, decode_document, encode
from plimsoll.routing.entry import Secret
from tests.support.routing_documents import DOCUMENTS, document, large_document, model, served

PROVIDER_KEY = "sk-canary-of-a-provider"
WITH_SECRET = document(
    model(state=served(upstream=Provider(base_url="https://api.example.com/v1", credential=Secret(PROVIDER_KEY))))
)


def spoiled(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(WITH_SECRET)), **changes}).encode()


@settings(max_examples=20, deadline=None)
@given(DOCUMENTS)
def test_a_document_is_read_as_it_was_written(written: Document) -> None:
    assert decode(encode(written)) == written
    assert decode_document(encode(written)) == written


@settings(max_examples=20, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_an_update_is_read_as_it_was_written(old: Document, new: Document) -> None:
    update = Update(schema=SCHEMA, version=new.version, changes=tuple(difference(old, new)))
    assert decode(encode(update)) == update


def test_a_company_of_1000_models_and_5000_keys_is_read_as_it_was_written() -> None:
    large = large_document()
    assert decode(encode(large)) == large


def test_the_schema_stands_in_every_message() -> None:
    assert json.loads(encode(WITH_SECRET))["schema"] == SCHEMA
    update = Update(schema=SCHEMA, version=WITH_SECRET.version, changes=())
    assert json.loads(encode(update))["schema"] == SCHEMA


@pytest.mark.parametrize("beside", [{}, {"models": 5}, {"a_field_of_tomorrow": []}], ids=["whole", "other", "more"])
def test_a_newer_schema_is_refused_as_such_whatever_else_the_message_says(beside: dict[str, object]) -> None:
    with pytest.raises(SchemaTooNew):
        decode(spoiled(schema=SCHEMA + 1, **beside))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "Expected `object`"),
        (encode(WITH_SECRET)[:-1], "truncated"),
        (spoiled(schema=0), ">= 1"),
        (spoiled(schema="1"), "Expected `int`"),
        (spoiled(message="tomorrow"), "$.message"),
        (spoiled(a_field_of_tomorrow=True), "unknown field `a_field_of_tomorrow`"),
        (spoiled(version={"epoch": 1}), "missing required field `sequence`"),
        (spoiled(keys=None), "$.keys"),
        (b"[" * 100_000, ""),
        (b"\xff\xfe", "malformed"),
    ],
    ids=range(12),
)
def test_what_is_no_document_is_refused_with_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableRouting) as refused:
        decode(data)
    assert words in refused.value.message
    assert refused.value.fix


def test_a_secret_shows_in_no_text_of_anything_that_holds_it() -> None:
    (one,) = WITH_SECRET.models.values()
    update = Update(schema=SCHEMA, version=WITH_SECRET.version, changes=tuple(difference(document(), WITH_SECRET)))
    for holder in (WITH_SECRET, one, one.state, update, Secret(PROVIDER_KEY)):
        for text in (repr(holder), str(holder), f"{holder}", f"{holder!r:>5}", str({1: [holder]})):
            assert PROVIDER_KEY not in text
            assert "***" in text


def test_a_document_that_is_refused_does_not_show_its_secrets() -> None:
    text = encode(WITH_SECRET).replace(b'"epoch":1', b'"epoch":"1"').replace(b'"base_url"', b'"base-url"')
    with pytest.raises(UnreadableRouting) as refused:
        decode(text)
    assert PROVIDER_KEY not in f"{refused.value!r} {refused.value} {refused.value.__cause__} {refused.value.fix}"


def test_the_bytes_do_hold_the_secret_for_the_gateway_that_sends_it() -> None:
    read = decode_document(encode(WITH_SECRET)).models["team-a/chat"].state
    assert read == WITH_SECRET.models["team-a/chat"].state
    assert PROVIDER_KEY.encode() in encode(WITH_SECRET)
