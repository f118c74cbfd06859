"""One GGUF model at a source, in one file or in several: what its headers say together."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.plan.gguf import BadHeader, Header
from plimsoll.plan.gguf_split import combine, split_names
from plimsoll.plan.observed import SourceFile
from plimsoll.plan.sizing_cache import CannotSize
from plimsoll.plan.sizing_model import Model, model_of
from plimsoll.weights.client import Client, Target
from plimsoll.weights.ranged import Ask, HeaderReader, RemoteHeader, Unchanged
from plimsoll.weights.trouble import unreadable

_AT_ONCE = 4
# Later parts have neither a vocabulary nor a template: their headers are short.
_FIRST_READ_OF_PART = 128 << 10


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`first` are the headers of the host that was asked for the first file; `validators` belong to the files.

    Without `model` there is no formula for what the files say, and `unsized` tells why.
    """

    model: Model | None
    unsized: str
    files: tuple[SourceFile, ...]
    validators: tuple[str | None, ...]
    fingerprint: str
    first: Mapping[str, str]

    @property
    def identity(self) -> str:
        """The ETag of the only file, or a hash over what is known of all."""
        only = self.validators[0] or ""
        if len(self.files) == 1 and only.endswith('"'):
            return "etag:" + only.removeprefix("W/").strip('"')
        return f"etag:{self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a model are: the path of the first one, and the address of any."""

    first: str
    locate: Callable[[str], Target]


class ModelReader:
    def __init__(self, headers: HeaderReader, client: Client) -> None:
        self._headers = headers
        self._client = client

    async def read(self, place: Place, known: ModelFiles | None) -> ModelFiles:
        """What the files say now; `known` itself, when none of them has changed since."""
        ask = Ask(place.locate(place.first), place.first, known=known.validators[0] if known else None)
        first = await self._headers.read(self._client, ask)
        if isinstance(first, Unchanged):
            assert known is not None
            return known if await self._rest_unchanged(place, known) else await self.read(place, None)
        try:
            paths = split_names(place.first, first.header)
        except BadHeader as error:
            raise unreadable(error, place.first) from None
        rest = await self._all([Ask(place.locate(path), path, _FIRST_READ_OF_PART) for path in paths[1:]])
        found = [first, *(each for each in rest if isinstance(each, RemoteHeader))]
        return await asyncio.to_thread(_together, paths, found)

    async def _rest_unchanged(self, place: Place, known: ModelFiles) -> bool:
        asks = [
            Ask(place.locate(file.path), file.path, _FIRST_READ_OF_PART, validator)
            for file, validator in zip(known.files[1:], known.validators[1:], strict=True)
        ]
        return all(isinstance(answer, Unchanged) for answer in await self._all(asks))

    async def _all(self, asks: Sequence[Ask]) -> list[RemoteHeader | Unchanged]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(ask: Ask) -> RemoteHeader | Unchanged:
            async with turns:
                return await self._headers.read(self._client, ask)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(ask)) for ask in asks]
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        return [task.result() for task in tasks]


def _together(paths: Sequence[str], found: Sequence[RemoteHeader]) -> ModelFiles:
    headers: list[Header] = [each.header for each in found]
    model, unsized = None, ""
    try:
        model = model_of(combine(headers))
    except BadHeader as error:
        raise unreadable(error, paths[0]) from None
    except CannotSize as error:
        unsized = f"{paths[0]}: {error.message}; {error.fix}"
    facts = [f"{path} {each.size} {each.validator} {each.digest}" for path, each in zip(paths, found, strict=True)]
    return ModelFiles(
        model=model,
        unsized=unsized,
        files=tuple(SourceFile(path, each.size) for path, each in zip(paths, found, strict=True)),
        validators=tuple(each.validator for each in found),
        fingerprint=hashlib.sha256("\n".join(facts).encode()).hexdigest(),
        first=found[0].first,
    )
