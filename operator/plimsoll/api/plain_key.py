"""The key itself, which nobody keeps: how it is made, what is shown of it, and what is stored instead."""

from __future__ import annotations

import base64
import hashlib

BEGINNING = "plm_"
PREFIX_LENGTH = 6
RANDOM_BYTES = 32
_RANDOM_CHARACTERS = 43  # of 32 bytes in base64 without padding
LENGTH = len(BEGINNING) + PREFIX_LENGTH + _RANDOM_CHARACTERS


def make_key(prefix: str, randomness: bytes) -> str:
    """`randomness` is 256 bits that nobody can guess; the prefix only tells one key from another."""
    if len(prefix) != PREFIX_LENGTH or len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a key is made of a prefix of {PREFIX_LENGTH} characters and {RANDOM_BYTES} random bytes")
    return f"{BEGINNING}{prefix}{base64.urlsafe_b64encode(randomness).decode().rstrip('=')}"


def hash_of(key: bytes) -> str:
    """What a ModelKey holds. A plain hash is enough: nobody tries 2 to the power of 256 keys."""
    return hashlib.sha256(key).hexdigest()
