"""Who calls: from the header to the key. Nothing of what was sent is repeated in an answer or a log."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from plimsoll.api.plain_key import hash_of
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.routing.document import Key

_SCHEME = b"bearer "
# Stands where no key was found, so that a stranger's key takes the same steps as any other.
_NOBODY = hash_of(b"")


def authenticated(keys: Mapping[str, Key], header: bytes | None, now: float) -> Key:
    """Only whoever has the whole key learns that it expired or is suspended; to everybody else it is unknown."""
    if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
        raise ApiError(Code.MISSING_API_KEY)
    digest = hash_of(header[len(_SCHEME) :].strip())
    # What can be timed here is the look-up of a hash, and nobody can choose the hash of what he sends.
    key = keys.get(digest)
    same = hmac.compare_digest(digest, _NOBODY if key is None else digest)
    if key is None or not same:
        raise ApiError(Code.INVALID_API_KEY)
    if _over(key.expires_at, now) or _over(key.valid_until, now):
        raise ApiError(Code.EXPIRED_API_KEY)
    if key.suspended:
        raise ApiError(Code.SUSPENDED_API_KEY)
    return key


def _over(end: int | None, now: float) -> bool:
    return end is not None and end <= now
