"""The key itself: long enough for nobody to guess, told from others by its prefix, kept by nobody."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api.modelkey import PREFIX_PATTERN
from plimsoll.api.plain_key import LENGTH, hash_of, make_key
from plimsoll.api.quoting import quoted

RANDOMNESS = st.binary(min_size=32, max_size=32)


@settings(max_examples=30, deadline=None)
@given(RANDOMNESS)
def test_a_key_is_its_beginning_its_prefix_and_43_characters_that_need_no_quotes_anywhere(randomness: bytes) -> None:
    key = make_key("x7Kq2a", randomness)
    assert re.fullmatch(r"plm_x7Kq2a[A-Za-z0-9_-]{43}", key)
    assert len(key) == LENGTH


@settings(max_examples=30, deadline=None)
@given(st.lists(RANDOMNESS, min_size=2, max_size=2, unique=True))
def test_other_randomness_is_another_key(two: list[bytes]) -> None:
    assert make_key("x7Kq2a", two[0]) != make_key("x7Kq2a", two[1])


def test_the_hash_is_that_of_sha256sum() -> None:
    assert hash_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(("prefix", "randomness"), [("x7Kq2", b"r" * 32), ("x7Kq2a", b"r" * 31), ("", b"")])
def test_a_key_of_too_little_is_not_made(prefix: str, randomness: bytes) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_key(prefix, randomness)


def test_a_prefix_that_makes_a_key_is_one_that_a_model_key_takes() -> None:
    assert re.search(PREFIX_PATTERN, "x7Kq2a")


def test_a_key_that_somebody_quotes_is_hidden() -> None:
    key = make_key("x7Kq2a", bytes(range(32)))
    assert key[10:] not in quoted(f"refused: {key} is unknown")
