"""Weights from any web server, by the address of their file."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from yarl import URL

from plimsoll.api.source import HttpSource
from plimsoll.weights.asking import Asking, Read, facts_of
from plimsoll.weights.client import Target
from plimsoll.weights.credentials import Credential, bearer
from plimsoll.weights.guard import address_of
from plimsoll.weights.model_files import Place

_FILE_NAME = re.compile(r"[^/\\\x00-\x1f]{1,255}")
_WITHOUT_NAME = "model.gguf"


async def read_web(source: HttpSource, asking: Asking) -> Read:
    found = await asking.models.read(web_place(source, asking.credential), asking.known)
    return Read(facts_of(found, f"sha256:{asking.sha256}" if asking.sha256 else found.identity), found)


def web_place(source: HttpSource, credential: Credential | None) -> Place:
    url = address_of(source.url, "spec.source.http.url")
    secret = bearer(credential, url, own="")
    return Place(_file_name(url), lambda name: Target(_beside(url, name), secret))


def _file_name(url: URL) -> str:
    """What the file is called here; an address may well end in something that is no name."""
    name = unquote(url.raw_path.rpartition("/")[2])
    return name if _FILE_NAME.fullmatch(name) and name.isprintable() and name not in (".", "..") else _WITHOUT_NAME


def _beside(url: URL, name: str) -> URL:
    """The address of another part: the same folder and the same query."""
    if name == _file_name(url):
        return url
    folder = url.raw_path.rpartition("/")[0]
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    return URL(f"{url.origin()}{folder}/{quote(name, safe='')}{query}", encoded=True)
