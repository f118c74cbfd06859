"""Weights from a bucket of an S3 service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.api.source import S3Source
from plimsoll.plan.observed import SourceFacts
from plimsoll.weights.asking import Asking, Read, facts_of
from plimsoll.weights.client import Answer, Target, refuse_status
from plimsoll.weights.credentials import Credential
from plimsoll.weights.guard import address_of
from plimsoll.weights.listing import MOST_FILES, MOST_PAGES, taken
from plimsoll.weights.model_files import Place
from plimsoll.weights.s3_listing import Entry, Page, page_of
from plimsoll.weights.s3_signing import Keys, Scope, signed
from plimsoll.weights.trouble import SourceTrouble

OWN_HOST = "s3.amazonaws.com"
_REGION = re.compile("[a-z0-9-]{1,64}")


async def read_s3(source: S3Source, asking: Asking, now: datetime) -> Read:
    bucket = Bucket(source, asking, now)
    if source.key.endswith("/"):
        entries = await bucket.entries()
        files = taken([entry.file for entry in entries], f"{source.key} of the bucket")
        return Read(SourceFacts(identity_of(entries), files))
    found = await asking.models.read(Place(source.key, bucket.file), asking.known)
    return Read(facts_of(found, f"sha256:{asking.sha256}" if asking.sha256 else found.identity), found)


def identity_of(entries: Sequence[Entry]) -> str:
    """Of a whole folder: it changes when any of its files does, taken or not."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.key}\0{entry.size}\0{entry.etag}\n".encode())
    return f"etag:{digest.hexdigest()}"


class Bucket:
    """Its requests are signed for the moment `now`: good for fifteen minutes."""

    def __init__(self, source: S3Source, asking: Asking, now: datetime) -> None:
        self._source = source
        self._client = asking.client
        self._scope = Scope(now, source.region)
        endpoint = address_of(source.endpoint, "spec.source.s3.endpoint")
        self._keys = _keys(asking.credential, endpoint)
        self._base = _base(source, endpoint)

    def file(self, key: str) -> Target:
        return self._target(quote(key, safe="/-_.~"))

    async def entries(self) -> list[Entry]:
        """Every file below the prefix."""
        found: list[Entry] = []
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(token)
            found += (entry for entry in page.entries if not entry.key.endswith("/"))
            token = page.token
            if token is None or len(found) > MOST_FILES:
                return found
        raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"the bucket gives a list of more than {MOST_PAGES} pages")

    async def _page(self, token: str | None) -> Page:
        query = {"encoding-type": "url", "list-type": "2", "prefix": self._source.key}
        if token is not None:
            query["continuation-token"] = token
        text = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))
        answer, body = await self._client.document(self._target(f"?{text}"))
        self._refuse(answer, f"the list of {self._source.key}")
        return page_of(body, self._source.key)

    def _refuse(self, answer: Answer, what: str) -> None:
        region = answer.headers.get("x-amz-bucket-region", self._source.region)
        if answer.status not in (200, 206) and region != self._source.region and _REGION.fullmatch(region):
            raise SourceTrouble(
                Reason.SOURCE_NOT_FOUND,
                f"the bucket {self._source.bucket} lies in the region {region}",
                fix=f"set spec.source.s3.region to {region}",
            )
        refuse_status(answer, f"{what} in the bucket {self._source.bucket}")

    def _target(self, rest: str) -> Target:
        url = URL(f"{self._base}/{rest}", encoded=True)
        secret: Mapping[str, str] = {} if self._keys is None else signed(url, self._keys, self._scope)
        return Target(url, secret, self._refuse)


def _keys(credential: Credential | None, endpoint: URL) -> Keys | None:
    """At Amazon the bucket stands before the host that the owner lists; it is still the same service."""
    if credential is None:
        return None
    credential.released_to(endpoint, own=OWN_HOST)
    session = credential.value("sessionToken") if credential.data.get("sessionToken") else None
    return Keys(credential.value("accessKeyId"), credential.value("secretAccessKey"), session)


def _base(source: S3Source, endpoint: URL) -> str:
    """At Amazon the bucket is part of the host, if a certificate can cover it; everywhere else part of the path."""
    if endpoint.raw_host != OWN_HOST:
        return f"{source.endpoint.rstrip('/')}/{source.bucket}"
    host = f"s3.{source.region}.amazonaws.com" + (".cn" if source.region.startswith("cn-") else "")
    return f"https://{host}/{source.bucket}" if "." in source.bucket else f"https://{source.bucket}.{host}"
