"""A record says what one attempt used, in classes that never overlap."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.cost.record import CountSource, Outcome, Record, Tokens

COUNTS = st.integers(min_value=0, max_value=2**40)
TOKENS = st.builds(
    Tokens,
    input_text=COUNTS,
    input_cached=COUNTS,
    cache_write=COUNTS,
    output_text=COUNTS,
    output_reasoning=COUNTS,
)
TEXT = st.text(max_size=20)
RECORDS = st.builds(
    Record,
    request=TEXT,
    attempt=st.integers(min_value=1, max_value=9),
    started_ns=st.integers(min_value=0, max_value=2**62),
    seconds=st.floats(min_value=0, max_value=1e6),
    first_token_seconds=st.none() | st.floats(min_value=0, max_value=1e6),
    namespace=TEXT,
    model=TEXT,
    revision=st.integers(min_value=0, max_value=2**31),
    backend=st.sampled_from(["llamacpp", "vllm", "openai", "openai-compatible"]),
    endpoint=TEXT,
    team=TEXT,
    key=TEXT,
    operation=st.sampled_from(["chat", "completion", "embedding"]),
    streamed=st.booleans(),
    outcome=st.sampled_from(Outcome),
    status=st.integers(min_value=100, max_value=599),
    tokens=TOKENS,
    source=st.sampled_from(CountSource),
)
EVERY_CLASS = Tokens(input_text=1, input_cached=10, cache_write=100, output_text=1000, output_reasoning=10000)


def test_the_sums_have_every_class_once() -> None:
    assert (EVERY_CLASS.prompt, EVERY_CLASS.completion, EVERY_CLASS.total) == (111, 11000, 11111)


@settings(max_examples=20, deadline=None)
@given(TOKENS, TOKENS)
def test_tokens_add_up_class_by_class(one: Tokens, other: Tokens) -> None:
    both = one + other
    for name in Tokens.__struct_fields__:
        assert getattr(both, name) == getattr(one, name) + getattr(other, name)


@settings(max_examples=20, deadline=None)
@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


@settings(max_examples=20, deadline=None)
@given(RECORDS)
def test_a_record_is_known_by_its_request_and_its_attempt(record: Record) -> None:
    assert record.identity == (record.request, record.attempt)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"input_text": -1}', ">= 0"),
        (b'{"input_text": 1.5}', "`int`"),
        (b'{"input_text": "1"}', "`int`"),
        (b'{"input_audio": 1}', "unknown field"),
    ],
)
def test_what_is_no_count_of_tokens_is_not_read_as_one(text: bytes, words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.json.decode(text, type=Tokens)
