"""Signatures of S3 requests, held against the examples that Amazon publishes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from yarl import URL

from plimsoll.weights.s3_signing import Keys, Scope, signed

# From "Authenticating Requests: Using the Authorization Header" of the Amazon S3 API reference.
KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCOPE = Scope(datetime(2013, 5, 24, tzinfo=UTC), "us-east-1")
BUCKET = "https://examplebucket.s3.amazonaws.com"


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        (
            "/test.txt",
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("/?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("/?prefix=J&max-keys=2", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_published_examples_are_signed_alike(path: str, more: dict[str, str], expected: str) -> None:
    assert signature(signed(URL(BUCKET + path, encoded=True), KEYS, SCOPE, more)) == expected


def test_the_headers_name_the_scope_and_what_was_signed() -> None:
    headers = signed(URL(f"{BUCKET}/x"), KEYS, SCOPE)
    assert headers["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature="
    )
    assert headers["x-amz-date"] == "20130524T000000Z"
    assert "wJalr" not in str(headers)


def test_a_session_token_is_sent_and_signed() -> None:
    plain, with_session = (
        signed(URL(f"{BUCKET}/x"), Keys(KEYS.access, KEYS.secret, session), SCOPE) for session in (None, "session")
    )
    assert with_session["x-amz-security-token"] == "session"
    assert "x-amz-security-token" in with_session["Authorization"]
    assert signature(plain) != signature(with_session)


def test_time_is_told_in_utc() -> None:
    elsewhere = Scope(datetime(2013, 5, 24, 2, tzinfo=timezone(timedelta(hours=2))), "us-east-1")
    assert elsewhere.time == SCOPE.time


def test_ports_other_than_the_usual_one_are_part_of_the_host() -> None:
    usual, same, other = (
        signature(signed(URL(f"https://minio.example.com{port}/x"), KEYS, SCOPE)) for port in ("", ":443", ":9000")
    )
    assert usual == same != other


def test_keys_are_not_printed() -> None:
    assert "EXAMPLE" not in repr(KEYS)
