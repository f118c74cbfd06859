"""Words of others are told on one line, bounded, and without what looks like a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.api.quoting import LONGEST_QUOTE, last_words, quoted


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("https://user:pass@hub.example/m.gguf", "https://hub.example/m.gguf"),
        ("GET https://s3.example/m?X-Amz-Signature=abc&x=1 failed", "GET https://s3.example/m?… failed"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer …"),
        ("sent Bearer abcdef123456 to it", "sent Bearer … to it"),
        ('{"token": "abcdef123456"}', '{"token": "…"}'),
        ("token: abcdef123456", "token: …"),
        ("HF_TOKEN=hf_abcdefghijk", "HF_TOKEN=…"),
        ("key hf_abcdefghijklmn was refused", "key hf_… was refused"),
        ("key sk-abcdefghijklmn was refused", "key sk-… was refused"),
        ("key AKIAIOSFODNN7EXAMPLE was refused", "key AKIA… was refused"),
    ],
)
def test_what_looks_like_a_secret_is_not_told(said: str, told: str) -> None:
    assert quoted(said) == told
    assert last_words(said) == told


@pytest.mark.parametrize(
    "said",
    [
        'secret "hub" not found',
        "couldn't find key token in Secret chat/hub",
        "failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
        'failed to resolve reference "registry.example:5000/engine:1": not found',
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
        "exceeded quota: q, requested: limits.memory=1Gi, used: limits.memory=0, limited: limits.memory=512Mi",
    ],
)
def test_words_of_the_cluster_stay_as_they_are(said: str) -> None:
    assert quoted(said) == said


def test_control_characters_and_lines_become_blanks() -> None:
    assert quoted("a\x1b[31mred\x00\n\tb\u202ec") == "a [31mred b c"


def test_a_long_text_is_cut_at_its_end_and_a_log_at_its_beginning() -> None:
    assert quoted("x" * 5000) == "x" * (LONGEST_QUOTE - 1) + "…"
    assert last_words("first\n" + "x" * 5000) == "…" + "x" * (LONGEST_QUOTE - 1)


def test_the_last_lines_of_a_log_are_told() -> None:
    assert last_words("one\ntwo\n\nthree\nfour\n\n") == "two | three | four"


@given(st.text(max_size=3000))
def test_no_text_is_told_with_a_character_that_cannot_be_printed(text: str) -> None:
    for told in (quoted(text), last_words(text)):
        assert told.isprintable()
        assert len(told) <= LONGEST_QUOTE
