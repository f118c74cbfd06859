"""Weights from a real S3 server: signed for each part, one file, several parts, or a whole folder."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.weights.getting import get
from tests.support.fetching import around, bring, files_in, not_brought, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import Content
from tests.support.s3_server import Bucket
from tests.support.sources import ask
from tests.units.weights.test_contents import safetensors
from tests.units.weights.test_web import name, part


def source(bucket: Bucket, key: str, **more: str) -> dict[str, Any]:
    return {"s3": {"bucket": bucket.name, "key": key, "endpoint": bucket.endpoint}, **more}


@pytest.fixture
def content(tiny: Made) -> Content:
    return whole(tiny)


def test_one_file_comes_under_the_last_part_of_its_key(s3_bucket: Bucket, content: Content, tmp_path: Path) -> None:
    s3_bucket.put("llama/8b/tiny one+über.gguf", content.data)
    wanted = source(s3_bucket, "llama/8b/tiny one+über.gguf", sha256=hashlib.sha256(content.data).hexdigest())
    bring(order(wanted, tmp_path, open_to=s3_bucket.host, credential=s3_bucket.credential))
    assert (tmp_path / "tiny one+über.gguf").read_bytes() == content.data


def test_what_the_operator_accepts_is_what_fetch_finds(s3_bucket: Bucket, content: Content, tmp_path: Path) -> None:
    s3_bucket.put("a/x.gguf", content.data)
    wanted = source(s3_bucket, "a/x.gguf")
    identity = ask(wanted, open_to=s3_bucket.host, credential=s3_bucket.credential).identity
    accepted = order(wanted, tmp_path / "m", open_to=s3_bucket.host, credential=s3_bucket.credential, identity=identity)
    bring(accepted)
    s3_bucket.put("a/x.gguf", content.data[:-1] + b"x")
    later = order(wanted, tmp_path / "n", open_to=s3_bucket.host, credential=s3_bucket.credential, identity=identity)
    not_brought(later, Reason.CHECKSUM_MISMATCH)
    assert bring(accepted) == ["all files are here already: nothing is downloaded"]


def test_all_parts_of_a_split_model_come(s3_bucket: Bucket, tmp_path: Path) -> None:
    for number in range(3):
        s3_bucket.put(f"split/{name(number)}", b"".join(part(number).chunks()))
    wanted = source(s3_bucket, f"split/{name(0)}")
    bring(order(wanted, tmp_path, open_to=s3_bucket.host, credential=s3_bucket.credential))
    assert files_in(tmp_path) == [name(number) for number in range(3)]


def test_a_folder_comes_without_its_prefix_and_without_pickles(s3_bucket: Bucket, tmp_path: Path) -> None:
    for path in ("model-1.safetensors", "more/model 2.safetensors", "config.json", "pytorch_model.bin"):
        s3_bucket.put(f"v/{path}", b"{}" if path.endswith("json") else safetensors((0, 50_000)))
    wanted = source(s3_bucket, "v/")
    identity = ask(wanted, open_to=s3_bucket.host, credential=s3_bucket.credential).identity
    bring(order(wanted, tmp_path, open_to=s3_bucket.host, credential=s3_bucket.credential, identity=identity))
    assert files_in(tmp_path) == ["config.json", "model-1.safetensors", "more/model 2.safetensors"]


def test_without_the_right_keys_a_private_bucket_stays_shut(
    s3_bucket: Bucket, content: Content, tmp_path: Path
) -> None:
    s3_bucket.put("x.gguf", content.data)
    wanted = source(s3_bucket, "x.gguf")
    wrong = {**s3_bucket.credential, "secretAccessKey": "x" * 40}
    for secret in (None, wrong):
        not_brought(order(wanted, tmp_path, open_to=s3_bucket.host, credential=secret), Reason.SOURCE_FORBIDDEN)
    right = s3_bucket.credential
    missing = order(source(s3_bucket, "y.gguf"), tmp_path, open_to=s3_bucket.host, credential=right)
    not_brought(missing, Reason.SOURCE_NOT_FOUND)


def test_each_part_is_signed_for_its_own_moment(s3_bucket: Bucket, content: Content, tmp_path: Path) -> None:
    """A download of many hours outlives any signature: the server refuses those that are older than fifteen minutes."""
    s3_bucket.put("x.gguf", content.data)
    wanted = order(source(s3_bucket, "x.gguf"), tmp_path, open_to=s3_bucket.host, credential=s3_bucket.credential)
    moments = iter([datetime.now(UTC) - timedelta(hours=1)])

    def now() -> datetime:
        return next(moments, None) or datetime.now(UTC)

    lines: list[str] = []
    surroundings = replace(around(lines), now=now)
    with pytest.raises(Exception, match="403"):
        asyncio.run(get(wanted, surroundings))
    asyncio.run(get(wanted, surroundings))
    assert files_in(tmp_path) == ["x.gguf"]
