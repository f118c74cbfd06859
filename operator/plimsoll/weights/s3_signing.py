"""AWS Signature Version 4 for a GET without a body, as every S3 service checks it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from yarl import URL

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    access: str = field(repr=False)
    secret: str = field(repr=False)
    session: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """When and for which region a signature is good: for fifteen minutes from then."""

    now: datetime
    region: str

    @property
    def time(self) -> str:
        return self.now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

    @property
    def text(self) -> str:
        return f"{self.time[:8]}/{self.region}/s3/aws4_request"


def signed(url: URL, keys: Keys, scope: Scope, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers that sign a GET of this address; path and query have to be escaped already."""
    own = {"x-amz-content-sha256": _EMPTY, "x-amz-date": scope.time}
    if keys.session is not None:
        own["x-amz-security-token"] = keys.session
    headers = {"host": url.host_port_subcomponent or "", **own, **{name.lower(): v for name, v in (more or {}).items()}}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join(("GET", url.raw_path or "/", _query(url), lines, names, _EMPTY))
    to_sign = "\n".join((_ALGORITHM, scope.time, scope.text, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(keys, scope), to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{keys.access}/{scope.text}"
    return {
        **own,
        "Authorization": f"{_ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}",
    }


def _query(url: URL) -> str:
    pairs = (part.partition("=") for part in url.raw_query_string.split("&") if part)
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


def _key(keys: Keys, scope: Scope) -> bytes:
    key = f"AWS4{keys.secret}".encode()
    for part in scope.text.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
