"""What has to be downloaded for one source: every file, its address, and how it is known to be the right one."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from plimsoll.api.reasons import Reason
from plimsoll.api.source import HttpSource, HuggingFaceSource, S3Source, Source
from plimsoll.plan import fetching
from plimsoll.weights.asking import Asking
from plimsoll.weights.checksums import Checksum
from plimsoll.weights.client import Target
from plimsoll.weights.hub import Hub, check_told
from plimsoll.weights.listing import taken
from plimsoll.weights.model_files import ModelFiles, Place
from plimsoll.weights.s3 import Bucket, identity_of
from plimsoll.weights.trouble import SourceTrouble
from plimsoll.weights.web import web_place

_COMMIT, _SHA256 = "commit:", "sha256:"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`path` is where it goes, below the folder. Its address is made for each request: signatures grow old.

    `validator` changes when the file does. A file that is known by its checksum needs none: servers that hold copies
    of it may well have each its own.
    """

    path: str
    locate: Callable[[], Target]
    size: int | None
    validator: str | None = None
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """`spec.source` without its credential, and what it was when the revision was accepted, where somebody knew."""

    source: Source
    identity: str | None = None

    @property
    def sha256(self) -> str | None:
        told = self.identity or ""
        return self.source.sha256 or (told.removeprefix(_SHA256) if told.startswith(_SHA256) else None)


async def remote_files(wanted: Wanted, asking: Asking, now: Callable[[], datetime]) -> tuple[RemoteFile, ...]:
    """Raises SourceTrouble, also when the source has other weights now than those that were accepted."""
    source = wanted.source
    if source.hugging_face is not None:
        return await _of_hub(source.hugging_face, wanted, asking)
    if source.http is not None:
        return await _of_web(source.http, wanted, asking)
    if source.s3 is not None:
        return await _of_bucket(source.s3, wanted, asking, now)
    raise SourceTrouble(Reason.INVALID_SPEC, "only what lies on a server is fetched")


async def _of_hub(source: HuggingFaceSource, wanted: Wanted, asking: Asking) -> tuple[RemoteFile, ...]:
    if wanted.identity is not None and wanted.identity.startswith(_COMMIT):
        source = source.model_copy(update={"revision": wanted.identity.removeprefix(_COMMIT)})
    hub = Hub(source, asking)
    commit = await hub.commit()

    def locate(path: str) -> Callable[[], Target]:
        return lambda: hub.file(commit, path)

    if source.file is None:
        listed = {each.file.path: each for each in await hub.files(commit)}
        chosen = taken([each.file for each in listed.values()], f"the repository {source.repository}")
        return tuple(RemoteFile(f.path, locate(f.path), f.size, None, listed[f.path].checksum) for f in chosen)
    found = await asking.models.read(Place(source.file, lambda path: hub.file(commit, path)), None)
    check_told(found, commit, wanted.sha256)
    beside = {each.file.path: each for each in await hub.files(commit, posixpath.dirname(source.file))}
    files = []
    for file, validator in zip(found.files, found.validators, strict=True):
        checksum = beside[file.path].checksum if file.path in beside else None
        own = Checksum("sha256", wanted.sha256) if wanted.sha256 else checksum
        files.append(RemoteFile(file.path, locate(file.path), file.size, None if own else validator, own))
    return tuple(files)


async def _of_web(source: HttpSource, wanted: Wanted, asking: Asking) -> tuple[RemoteFile, ...]:
    place = web_place(source, asking.credential)
    found = await asking.models.read(place, None)
    _require_accepted(wanted, found.identity)

    def locate(path: str) -> Callable[[], Target]:
        return lambda: place.locate(path)

    names = [_here(str(place.locate(file.path).url)) for file in found.files]
    return _of_model(found, names, locate, wanted.sha256)


async def _of_bucket(
    source: S3Source, wanted: Wanted, asking: Asking, now: Callable[[], datetime]
) -> tuple[RemoteFile, ...]:
    bucket = Bucket(source, asking, now())

    def locate(key: str) -> Callable[[], Target]:
        return lambda: Bucket(source, asking, now()).file(key)

    if source.key.endswith("/"):
        entries = await bucket.entries()
        _require_accepted(wanted, identity_of(entries))
        etags = {entry.key: entry.etag for entry in entries}
        chosen = taken([entry.file for entry in entries], f"{source.key} of the bucket")
        return tuple(
            RemoteFile(file.path.removeprefix(source.key), locate(file.path), file.size, etags[file.path] or None)
            for file in chosen
        )
    found = await asking.models.read(Place(source.key, bucket.file), None)
    _require_accepted(wanted, found.identity)
    return _of_model(found, [posixpath.basename(file.path) for file in found.files], locate, wanted.sha256)


def _of_model(
    found: ModelFiles, names: Sequence[str], locate: Callable[[str], Callable[[], Target]], sha256: str | None
) -> tuple[RemoteFile, ...]:
    """One GGUF file, or the parts of one. A checksum of the spec is that of the only file."""
    files = tuple(
        RemoteFile(name, locate(file.path), file.size, validator)
        for name, file, validator in zip(names, found.files, found.validators, strict=True)
    )
    return files if sha256 is None else (replace(files[0], checksum=Checksum("sha256", sha256)), *files[1:])


def _here(url: str) -> str:
    """What a file of a web server is called in the pod, where the engine looks for it by this name."""
    path = fetching.weights_path(Source(http=HttpSource(url=url)), folder=False)
    return posixpath.basename(path)


def _require_accepted(wanted: Wanted, found: str) -> None:
    accepted = wanted.identity
    if accepted is None or accepted == found or accepted.startswith(_SHA256):
        return
    raise SourceTrouble(
        Reason.CHECKSUM_MISMATCH,
        f"the source has other weights ({found}) than those that this revision was accepted with ({accepted})",
        fix="put the old file back, or change the ModelConfig so that a new revision takes what is there now",
    )
