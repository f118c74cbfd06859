"""One page of the list of a bucket, read from XML that a stranger wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote_plus
from xml.parsers import expat

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import SourceFile
from plimsoll.weights.trouble import SourceTrouble

_DEEPEST = 8
_MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    size: int
    etag: str

    @property
    def file(self) -> SourceFile:
        return SourceFile(self.key, self.size)


@dataclass(frozen=True, slots=True)
class Page:
    entries: tuple[Entry, ...]
    token: str | None


def page_of(body: bytes, prefix: str) -> Page:
    """Raises SourceTrouble for anything that no S3 service writes: also for entities, which can grow without end."""
    listing = _Listing()
    try:
        listing.parser.Parse(body, True)
        escaped = listing.told.get("EncodingType") == "url"
        entries = tuple(_entry(fields, prefix, escaped) for fields in listing.entries)
    except (expat.ExpatError, ValueError, KeyError):
        raise SourceTrouble(
            Reason.SOURCE_UNREACHABLE, "the list of the bucket is not what an S3 service answers"
        ) from None
    return Page(
        entries, listing.told.get("NextContinuationToken") if listing.told.get("IsTruncated") == "true" else None
    )


class _Listing:
    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.told: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append

    def _start(self, name: str, _: object) -> None:
        self._path.append(name)
        self._text.clear()
        if self._path == ["ListBucketResult", "Contents"]:
            self.entries.append({})
        if len(self._path) > _DEEPEST or len(self.entries) > _MOST_ENTRIES:
            raise ValueError(name)

    def _end(self, name: str) -> None:
        text = "".join(self._text)
        self._text.clear()
        if self._path[:-1] == ["ListBucketResult", "Contents"]:
            self.entries[-1][name] = text
        elif self._path[:-1] == ["ListBucketResult"]:
            self.told[name] = text
        self._path.pop()


def _refuse_doctype(*_: object) -> NoReturn:
    raise ValueError("a document type")


def _entry(fields: dict[str, str], prefix: str, escaped: bool) -> Entry:
    key, size = unquote_plus(fields["Key"]) if escaped else fields["Key"], int(fields["Size"])
    if not key.startswith(prefix) or not 0 <= size < 1 << 50:
        raise ValueError(key)
    return Entry(key, size, fields.get("ETag", ""))
