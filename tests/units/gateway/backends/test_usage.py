"""G-15: usage as it comes, in classes that are disjoint; never negative, never less than was seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.cost.record import Tokens
from plimsoll.gateway.backends.usage import Counted, tokens_of


def usage(prompt: Any, completion: Any, total: Any = ..., /, **details: Any) -> dict[str, Any]:
    total = prompt + completion if total is ... else total
    made = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {name: value for name, value in {**made, **details}.items() if value is not None}


CACHED = {"prompt_tokens_details": {"cached_tokens": 80}}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 30}}


@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        (usage(100, 50), Tokens(input_text=100, output_text=50)),
        (usage(100, 50, **CACHED), Tokens(input_text=20, input_cached=80, output_text=50)),
        (usage(100, 50, **THOUGHT), Tokens(input_text=100, output_text=20, output_reasoning=30)),
        # xAI counts what was thought beside the completion
        (usage(100, 50, 180, **THOUGHT), Tokens(input_text=100, output_text=50, output_reasoning=30)),
        # vLLM
        (
            usage(100, 50, prompt_tokens_details={"cached_tokens": 64, "created_cache_tokens": 32}),
            Tokens(input_text=4, input_cached=64, cache_write=32, output_text=50),
        ),
        (
            usage(100, 50, prompt_tokens_details={"cached_tokens": 64, "cache_write_tokens": 36}),
            Tokens(input_cached=64, cache_write=36, output_text=50),
        ),
        # DeepSeek
        (
            usage(100, 50, prompt_cache_hit_tokens=60, prompt_cache_miss_tokens=40),
            Tokens(input_text=40, input_cached=60, output_text=50),
        ),
        # Zero is a count, and so is what embeddings leave out
        (usage(0, 0), Tokens()),
        (usage(100, 0, **CACHED), Tokens(input_text=20, input_cached=80)),
        (usage(100, None, 100), Tokens(input_text=100)),
        (usage(100, None, 150), Tokens(input_text=100, output_text=50)),
        (usage(100, 50, None), Tokens(input_text=100, output_text=50)),
        (
            usage(100, 50, prompt_tokens_details=None, completion_tokens_details={}),
            Tokens(input_text=100, output_text=50),
        ),
        (usage(100, 50, prompt_tokens_details={"cached_tokens": None}), Tokens(input_text=100, output_text=50)),
        (usage(100, 50, prompt_tokens_details={"audio_tokens": 3}), Tokens(input_text=100, output_text=50)),
        (usage(100, 50, prompt_cache_hit_tokens=60, **CACHED), Tokens(input_text=20, input_cached=80, output_text=50)),
    ],
    ids=str,
)
def test_usage_is_read_into_disjoint_classes(told: dict[str, Any], tokens: Tokens) -> None:
    assert tokens_of(told) == Counted(tokens)


@pytest.mark.parametrize(
    ("told", "events", "tokens", "mismatch"),
    [
        (None, 0, Tokens(), "no usage"),
        ({}, 3, Tokens(output_text=3), "no usage; 0 tokens in 3 events"),
        ("many", 0, Tokens(), "no usage"),
        (usage(100, 0), 7, Tokens(input_text=100, output_text=7), "0 tokens in 7 events"),
        (usage(100, 5), 7, Tokens(input_text=100, output_text=7), "5 tokens in 7 events"),
        (usage(100, -5), 0, Tokens(input_text=100), "completion_tokens is not a count"),
        (usage(-1, 5, 4), 0, Tokens(output_text=5), "prompt_tokens is not a count"),
        (usage("100", 5, 105), 0, Tokens(input_text=100, output_text=5), "prompt_tokens is not a count"),
        (usage(10.5, 5, None), 0, Tokens(output_text=5), "prompt_tokens is not a count"),
        (usage(True, 5, None), 0, Tokens(output_text=5), "prompt_tokens is not a count"),
        (usage(10**12, 5, None), 0, Tokens(output_text=5), "prompt_tokens is not a count"),
        (usage(None, 5, 105), 0, Tokens(input_text=100, output_text=5), "prompt_tokens is missing"),
        (usage(100, 50, 200), 0, Tokens(input_text=100, output_text=50), "total_tokens is 200, and the parts are 150"),
        (usage(50, 5, **CACHED), 0, Tokens(input_cached=50, output_text=5), "cached_tokens is 80 of 50"),
        (usage(100, 20, **THOUGHT), 0, Tokens(input_text=100, output_reasoning=20), "reasoning_tokens is 30 of 20"),
        (
            usage(100, 5, prompt_tokens_details={"cached_tokens": 80, "cache_write_tokens": 80}),
            0,
            Tokens(input_cached=80, cache_write=20, output_text=5),
            "cache_write_tokens is 80 of 20",
        ),
        (
            usage(100, 5, prompt_tokens_details={"cached_tokens": -1}),
            0,
            Tokens(input_text=100, output_text=5),
            "cached_tokens is not a count",
        ),
        (usage(100, 5, prompt_tokens_details=[]), 0, Tokens(input_text=100, output_text=5), None),
    ],
    ids=str,
)
def test_g_15_usage_that_cannot_be_is_told_and_never_makes_less_of_what_was_seen(
    told: Any, events: int, tokens: Tokens, mismatch: str | None
) -> None:
    counted = tokens_of(told, events)
    assert counted.tokens == tokens
    assert (counted.mismatch or "").startswith(mismatch or "")
    assert bool(counted.mismatch) == bool(mismatch)


_ANY = st.none() | st.booleans() | st.integers(-(10**10), 10**10) | st.floats() | st.text(max_size=3)
_NAMES = ("cached_tokens", "cache_write_tokens", "created_cache_tokens", "reasoning_tokens")
_DETAILS = st.dictionaries(st.sampled_from(_NAMES), _ANY) | _ANY


@given(
    st.dictionaries(st.sampled_from(("prompt_tokens", "completion_tokens", "total_tokens")), _ANY),
    _DETAILS,
    _DETAILS,
    st.integers(0, 1000),
)
def test_g_15_whatever_is_told_every_class_is_a_count(told: dict[str, Any], of: Any, out: Any, events: int) -> None:
    whole = {**told, "prompt_tokens_details": of, "completion_tokens_details": out}
    tokens = tokens_of(whole, events).tokens
    classes = (tokens.input_text, tokens.input_cached, tokens.cache_write, tokens.output_text, tokens.output_reasoning)
    assert all(type(each) is int and each >= 0 for each in classes)
    assert tokens.completion >= events


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.data())
def test_classes_sum_to_the_totals_of_a_provider_that_tells_the_truth(
    prompt: int, completion: int, data: st.DataObject
) -> None:
    cached = data.draw(st.integers(0, prompt))
    thought = data.draw(st.integers(0, completion))
    counted = tokens_of(
        usage(
            prompt,
            completion,
            prompt_tokens_details={"cached_tokens": cached},
            completion_tokens_details={"reasoning_tokens": thought},
        )
    )
    assert counted.mismatch is None
    assert (counted.tokens.prompt, counted.tokens.completion) == (prompt, completion)
    assert (counted.tokens.input_cached, counted.tokens.output_reasoning) == (cached, thought)
