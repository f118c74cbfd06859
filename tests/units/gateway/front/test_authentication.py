"""Who calls: from the header to the key."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.gateway.authentication import authenticated
from plimsoll.gateway.errors import ApiError
from plimsoll.routing.document import Key
from tests.support.routing_documents import digest_of, key

PLAIN = "plm_abcdef" + "k" * 43
NOW = 1_800_000_000.0


def _refused(header: bytes | None, found: Key | None = None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        authenticated({digest_of(PLAIN): found} if found else {}, header, NOW)
    return caught.value


def _header(plain: str = PLAIN) -> bytes:
    return f"Bearer {plain}".encode()


@pytest.mark.parametrize("header", [_header(), f"bearer  {PLAIN} ".encode()])
def test_a_key_is_known_by_its_hash(header: bytes) -> None:
    own = key(expires_at=int(NOW) + 1, valid_until=int(NOW) + 1)
    assert authenticated({digest_of(PLAIN): own}, header, NOW) is own


@pytest.mark.parametrize("header", [None, b"", b"Basic dXNlcjpwYXNz", PLAIN.encode(), b"Bearer"])
def test_without_a_key_one_is_asked_for(header: bytes | None) -> None:
    error = _refused(header, key())
    assert (error.status, error.code) == (401, "missing_api_key")


def test_a_key_that_nobody_knows_is_refused_and_not_repeated() -> None:
    error = _refused(_header("plm_somebody-elses-key"), key())
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert "somebody" not in error.message


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"expires_at": int(NOW)}, 401, "expired_api_key"),
        ({"valid_until": int(NOW)}, 401, "expired_api_key"),
        ({"suspended": True}, 403, "suspended_api_key"),
    ],
)
def test_only_its_owner_learns_what_is_wrong_with_a_key(changes: dict[str, Any], status: int, code: str) -> None:
    own = key(**changes)
    assert (_refused(_header(), own).status, _refused(_header(), own).code) == (status, code)
    assert _refused(_header(PLAIN[:-1]), own).code == "invalid_api_key"


def test_bytes_that_are_no_text_are_a_key_that_nobody_knows() -> None:
    assert _refused(b"Bearer \xff\xfe\x00", key()).code == "invalid_api_key"
