"""Weights from the Hugging Face hub, or from a mirror that speaks as it does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs
from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.api.source import HuggingFaceSource
from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.weights.asking import Asking, Read, facts_of
from plimsoll.weights.checksums import Checksum
from plimsoll.weights.client import Answer, Target, refuse_status
from plimsoll.weights.credentials import bearer
from plimsoll.weights.guard import address_of
from plimsoll.weights.listing import MOST_FILES, MOST_PAGES, taken
from plimsoll.weights.model_files import ModelFiles, Place
from plimsoll.weights.trouble import SourceTrouble, told

OWN_HOST = "huggingface.co"
_COMMIT = re.compile("[0-9a-f]{40}")
_SHA256 = re.compile('"?([0-9a-f]{64})"?')
_NEXT_PAGE = re.compile(r'<([^<>\s]{1,4096})>;\s*rel="next"')
# What the hub says in X-Error-Code, and what it means.
_GATED = "GatedRepo"
_MISSING = {"RevisionNotFound": "revision", "EntryNotFound": "file"}


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository, and what it hashes to where the hub says so."""

    file: SourceFile
    checksum: Checksum | None


async def read_hub(source: HuggingFaceSource, asking: Asking) -> Read:
    hub = Hub(source, asking)
    commit = await hub.commit()
    if source.file is None:
        files = [each.file for each in await hub.files(commit)]
        return Read(SourceFacts(f"commit:{commit}", taken(files, f"the repository {source.repository}")))
    file = source.file
    place = Place(file, lambda path: hub.file(commit, path))
    found = await asking.models.read(place, asking.known)
    check_told(found, commit, asking.sha256)
    return Read(facts_of(found, f"commit:{commit}"), found)


class Hub:
    def __init__(self, source: HuggingFaceSource, asking: Asking) -> None:
        self._source = source
        self._asking = asking
        self._base = source.endpoint.rstrip("/")
        address = address_of(self._base, "spec.source.huggingFace.endpoint")
        self._origin = address.origin()
        self._secret = bearer(asking.credential, address, own=OWN_HOST)

    async def commit(self) -> str:
        """What the branch or tag means now; a commit means itself."""
        revision = self._source.revision
        if _COMMIT.fullmatch(revision):
            return revision
        target = self._target(f"/api/models/{self._source.repository}/revision/{quote(revision, safe='')}")
        answer, body = await self._asking.client.document(target)
        self._refuse(answer, f"the revision {revision}")
        found = _parsed(body, answer)
        commit = found.get("sha") if isinstance(found, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise _untrue(answer, "does not name the commit of the revision")
        return commit

    def file(self, commit: str, path: str) -> Target:
        return self._target(f"/{self._source.repository}/resolve/{commit}/{quote(path)}")

    async def files(self, commit: str, folder: str | None = None) -> list[HubFile]:
        """Every file of the repository, or those that lie in one folder (the empty text is the root), page by page."""
        path, query = ("", "?recursive=true") if folder is None else (f"/{quote(folder)}".rstrip("/"), "")
        target = self._target(f"/api/models/{self._source.repository}/tree/{commit}{path}{query}")
        files: list[HubFile] = []
        for _ in range(MOST_PAGES):
            answer, body = await self._asking.client.document(target)
            self._refuse(answer, f"the files of {self._source.repository}")
            files += _files(_parsed(body, answer), answer)
            onward = self._next_page(answer)
            if onward is None or len(files) > MOST_FILES:
                return files
            target = onward
        raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"the hub gives a list of more than {MOST_PAGES} pages")

    def _target(self, path: str) -> Target:
        return Target(URL(self._base + path, encoded=True), self._secret, self._refuse)

    def _next_page(self, answer: Answer) -> Target | None:
        found = _NEXT_PAGE.search(answer.headers.get(hdrs.LINK, ""))
        if found is None:
            return None
        url = address_of(found[1], "the hub's list")
        if url.origin() != answer.url.origin():
            raise _untrue(answer, "continues its list at another host")
        return Target(url, self._secret, self._refuse)

    def _refuse(self, answer: Answer, what: str) -> None:
        """In the hub's own terms, where the plain answer leaves open what to do."""
        repository, code = self._source.repository, answer.headers.get("X-Error-Code", "")
        if code == _GATED:
            words = f"{repository} is gated: its licence has to be accepted first, and a token has to show who did"
            raise SourceTrouble(Reason.SOURCE_FORBIDDEN, words)
        if answer.status in (401, 403) and answer.url.origin() == self._origin:
            if self._asking.credential is None:
                words = f"{repository} is private or gated, or does not exist: the hub tells no stranger which"
            else:
                words = f"{repository} is not open to the token of the Secret, or does not exist"
            raise SourceTrouble(Reason.SOURCE_FORBIDDEN, f"{words} (it answered {answer.status})")
        if answer.status == 404 and code in _MISSING:
            words = f"{repository} has no such {_MISSING[code]}: {what}"
            raise SourceTrouble(Reason.SOURCE_NOT_FOUND, words)
        refuse_status(answer, what)


def check_told(found: ModelFiles, commit: str, sha256: str | None) -> None:
    """What the hub itself says beside the file."""
    if found.first.get("X-Repo-Commit", commit) != commit:
        raise SourceTrouble(Reason.SOURCE_UNREACHABLE, f"the hub answered with another commit than {commit}")
    size = found.first.get("X-Linked-Size", "")
    if size.isdecimal() and len(size) < 20 and found.files[0].size not in (None, int(size)):
        raise SourceTrouble(Reason.SOURCE_UNREACHABLE, "the hub and the server behind it give two sizes of the file")
    linked = _SHA256.fullmatch(found.first.get("X-Linked-Etag", ""))
    if sha256 is not None and linked is not None and linked[1] != sha256:
        words = f"the hub says that the file has the sha256 {linked[1]}, and spec.source.sha256 is {sha256}"
        raise SourceTrouble(Reason.CHECKSUM_MISMATCH, words)


def _files(found: Any, answer: Answer) -> list[HubFile]:
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _untrue(answer, "gives a list that cannot be read")
    return [_file(entry, answer) for entry in found if entry.get("type") == "file"]


def _file(entry: Mapping[str, Any], answer: Answer) -> HubFile:
    path, size = entry.get("path"), entry.get("size")
    if not isinstance(path, str) or type(size) is not int or not 0 <= size < 1 << 50:
        raise _untrue(answer, "gives a list that cannot be read")
    return HubFile(SourceFile(path, size), _checksum(entry))


def _checksum(entry: Mapping[str, Any]) -> Checksum | None:
    """Large files lie outside git, which knows only a pointer to each of them."""
    large, own = entry.get("lfs"), entry.get("oid")
    if isinstance(large, dict):
        value = large.get("oid")
        return Checksum("sha256", value) if isinstance(value, str) and _SHA256.fullmatch(value) else None
    return Checksum("git", own) if isinstance(own, str) and _COMMIT.fullmatch(own) else None


def _parsed(body: bytes, answer: Answer) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _untrue(answer, "does not answer as a hub does") from None


def _untrue(answer: Answer, words: str) -> SourceTrouble:
    return SourceTrouble(Reason.SOURCE_UNREACHABLE, f"{told(answer.url)} {words}")
