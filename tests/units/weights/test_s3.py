"""Buckets: signed or anonymous, at Amazon or elsewhere, one file or a folder."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.api.source import S3Source
from plimsoll.plan.observed import SourceFile
from plimsoll.weights.s3 import _base
from plimsoll.weights.s3_listing import page_of
from plimsoll.weights.trouble import SourceTrouble
from tests.support.gguf_maker import Made
from tests.support.model_server import Content, ModelServer, Reply, model_server, redirect
from tests.support.sources import ask, refused

SMALL = Content.text(b"12345")
KEYS = {"accessKeyId": "AKIACANARY", "secretAccessKey": "canary-secret", "sessionToken": "canary-session"}


def s3(server: ModelServer, key: str = "llama/tiny.gguf", **more: str) -> dict[str, Any]:
    return {"s3": {"bucket": "models", "key": key, "endpoint": server.base, **more}}


@pytest.fixture
def bucket(server: ModelServer, tiny: Made) -> ModelServer:
    files = {
        f"whole/{name}": SMALL
        for name in ("b.safetensors", "a.safetensors", "config.json", "old.bin", "über+1.json", "folder/")
    }
    server.add_bucket("models", {"llama/tiny.gguf": Content.of(tiny), **files, "other/x.safetensors": SMALL})
    return server


def test_a_bucket_that_is_open_is_read_without_a_signature(bucket: ModelServer, tiny: Made) -> None:
    facts = ask(s3(bucket), open_to=bucket.host)
    assert facts.files == (SourceFile("llama/tiny.gguf", tiny.file_size),)
    assert facts.identity == "etag:15"
    assert facts.model is not None
    assert "authorization" not in bucket.asked[0].headers


def test_with_keys_requests_are_signed_and_the_secret_key_stays_here(bucket: ModelServer) -> None:
    secret = {**KEYS, "hosts": f"{bucket.host}:{bucket.port}"}
    ask(s3(bucket, region="eu-1"), open_to=bucket.host, credential=secret)
    headers = bucket.asked[0].headers
    assert "Credential=AKIACANARY/" in headers["authorization"]
    assert "/eu-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "canary-session"
    assert "canary-secret" not in str(headers)


def test_keys_are_used_for_listed_hosts_only(bucket: ModelServer) -> None:
    for hosts in ({}, {"hosts": "s3.amazonaws.com"}):
        refused(s3(bucket), Reason.HOST_NOT_ALLOWED, open_to=bucket.host, credential={**KEYS, **hosts})
    assert bucket.asked == []


@pytest.mark.parametrize("missing", ["accessKeyId", "secretAccessKey"])
def test_a_missing_key_is_named(missing: str, bucket: ModelServer) -> None:
    secret = {"hosts": bucket.host} | {name: value for name, value in KEYS.items() if name != missing}
    trouble = refused(s3(bucket), Reason.SECRET_MISSING, open_to=bucket.host, credential=secret)
    assert f"`{missing}`" in trouble.message
    assert "canary" not in str(trouble.finding)


def test_a_folder_is_its_safetensors_and_what_describes_them(bucket: ModelServer) -> None:
    facts = ask(s3(bucket, "whole/"), open_to=bucket.host)
    names = [file.path for file in facts.files]
    assert names == [f"whole/{name}" for name in ("a.safetensors", "b.safetensors", "config.json", "über+1.json")]
    assert (facts.size, facts.model) == (20, None)
    # Two entries a page.
    assert len(bucket.asked) == 3


def test_the_identity_of_a_folder_changes_with_its_files(bucket: ModelServer) -> None:
    before = ask(s3(bucket, "whole/"), open_to=bucket.host).identity
    assert ask(s3(bucket, "whole/"), open_to=bucket.host).identity == before
    bucket.add_bucket("models", {"whole/a.safetensors": Content.text(b"other")})
    assert ask(s3(bucket, "whole/"), open_to=bucket.host).identity != before


def test_a_list_does_not_go_on_for_ever(bucket: ModelServer) -> None:
    page = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
        b"</ListBucketResult>"
    )
    bucket.routes["/models/"] = lambda _: Reply.text(page)
    refused(s3(bucket, "whole/"), Reason.SOURCE_UNREACHABLE, open_to=bucket.host)
    assert len(bucket.asked) == 20


@pytest.mark.parametrize("path", ["/models/llama/tiny.gguf", "/models/"])
def test_another_region_is_named(path: str, bucket: ModelServer) -> None:
    bucket.routes[path] = lambda _: Reply.text(b"", 301, x_amz_bucket_region="eu-central-1")
    key = "whole/" if path.endswith("/") else "llama/tiny.gguf"
    trouble = refused(s3(bucket, key), Reason.SOURCE_NOT_FOUND, open_to=bucket.host)
    assert "set spec.source.s3.region to eu-central-1" in trouble.fix


@pytest.mark.parametrize(("status", "reason"), [(403, Reason.SOURCE_FORBIDDEN), (404, Reason.SOURCE_NOT_FOUND)])
def test_a_refusal_names_bucket_and_key(status: int, reason: Reason, bucket: ModelServer) -> None:
    bucket.routes["/models/llama/tiny.gguf"] = lambda _: Reply.text(b"<Error/>", status)
    trouble = refused(s3(bucket), reason, open_to=bucket.host)
    assert "llama/tiny.gguf in the bucket models" in trouble.message


def test_a_signature_is_not_shown_to_the_host_of_a_redirect(bucket: ModelServer) -> None:
    secret = {**KEYS, "hosts": bucket.host}
    with model_server(bucket.host) as other:
        bucket.routes["/models/llama/tiny.gguf"] = redirect(f"{other.base}/x", 307)
        refused(s3(bucket), Reason.SOURCE_NOT_FOUND, open_to=bucket.host, credential=secret)
        assert "authorization" not in other.asked[0].headers
        assert "x-amz-security-token" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({}, "https://team-models.s3.us-east-1.amazonaws.com"),
        ({"region": "eu-west-3"}, "https://team-models.s3.eu-west-3.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://team-models.s3.cn-north-1.amazonaws.com.cn"),
        ({"bucket": "team.models"}, "https://s3.us-east-1.amazonaws.com/team.models"),
        ({"endpoint": "https://minio.example.com:9000/"}, "https://minio.example.com:9000/team-models"),
        ({"endpoint": "https://s3.eu-west-1.amazonaws.com"}, "https://s3.eu-west-1.amazonaws.com/team-models"),
    ],
)
def test_the_bucket_is_in_the_host_at_amazon_and_in_the_path_elsewhere(given: dict[str, str], base: str) -> None:
    source = S3Source.model_validate({"bucket": "team-models", "key": "x", **given})
    assert _base(source, URL(source.endpoint)) == base


def entry(key: str, size: str = "1") -> str:
    return f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents>"


def listing(*parts: str) -> bytes:
    return f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode()


def test_keys_that_are_escaped_are_told_plainly() -> None:
    escaped = page_of(listing("<EncodingType>url</EncodingType>", entry("a/b+c%2B.json")), "a/")
    assert [each.key for each in escaped.entries] == ["a/b c+.json"]
    assert [each.key for each in page_of(listing(entry("a/b+c%2B.json")), "a/").entries] == ["a/b+c%2B.json"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"not xml",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>',
        b'<!DOCTYPE x SYSTEM "http://example.com/x"><ListBucketResult/>',
        listing(entry("other/x")),
        listing(entry("a/x", "-1")),
        listing(entry("a/x", "many")),
        listing("<Contents><Size>1</Size></Contents>"),
        listing(*[entry("a/x")] * 1001),
        listing("<a>" * 50 + "</a>" * 50),
    ],
)
def test_what_no_s3_service_writes_is_not_believed(body: bytes) -> None:
    with pytest.raises(SourceTrouble) as raised:
        page_of(body, "a/")
    assert raised.value.reason is Reason.SOURCE_UNREACHABLE
