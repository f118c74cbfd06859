"""Reads the header of one remote GGUF file with as few bytes as it takes, and checks all that the server says."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from plimsoll.api.reasons import Reason
from plimsoll.plan.gguf import BadHeader, Header, NeedMore, NotGGUF, parse
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.weights.client import Answer, Client, Target
from plimsoll.weights.trouble import SourceTrouble, told, unreadable

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_MOST_REQUESTS = 40
_TIMES = 2  # how often a file may change while it is read
_LARGE = 4 << 20
_SLOWEST_LARGE = 60  # seconds that one file may keep the others waiting
_LONGEST_ETAG = 256


@dataclass(frozen=True, slots=True)
class RemoteHeader:
    """`first` are the headers of the host that was asked first, before any redirect."""

    header: Header
    size: int | None
    validator: str | None  # the ETag, or the time of the last change
    first: Mapping[str, str]
    digest: str  # SHA-256 of the header, for files without a validator


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file is still the one with the validator that was given."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What to read: `first_read` bytes at first, or nothing if the file still has the validator `known`."""

    target: Target
    what: str
    first_read: int = FIRST_READ
    known: str | None = None


class _ChangedError(Exception):
    """The parts that were read are not of the same file."""


class HeaderReader:
    """Long headers are read one at a time, so that a few hostile files cannot fill the memory."""

    def __init__(self) -> None:
        self._large = asyncio.Lock()

    async def read(self, client: Client, ask: Ask) -> RemoteHeader | Unchanged:
        for _ in range(_TIMES):
            try:
                async with AsyncExitStack() as stack:
                    return await _Reading(client, ask, self._large, stack).run()
            except _ChangedError:
                continue
            except (BadHeader, NotGGUF) as error:
                raise unreadable(error, ask.what) from None
            except TimeoutError:
                raise _untrue(ask, "comes too slowly") from None
        raise _untrue(ask, "changes while it is read")


class _Reading:
    """One try. A server that knows ranges is asked for one after the other; any other sends until enough has come."""

    def __init__(self, client: Client, ask: Ask, large: asyncio.Lock, stack: AsyncExitStack) -> None:
        self._client = client
        self._ask = ask
        self._large = large
        self._stack = stack
        self._data = bytearray()
        self._size: int | None = None
        self._validator: str | None = None
        self._digest = ""

    async def run(self) -> RemoteHeader | Unchanged:
        async with self._part(0, self._ask.first_read) as answer:
            if self._is_known(answer):
                return Unchanged()
            self._refuse_empty(answer)
            self._ask.target.refuse(answer, self._ask.what)
            self._validator = validator_of(answer)
            first = answer.first
            if answer.status == 200:
                self._size = answer.response.content_length
                return self._found(await self._from_stream(answer), first)
            await self._take_part(answer, 0, self._ask.first_read)
        return self._found(await self._from_parts(), first)

    def _found(self, header: Header, first: Mapping[str, str]) -> RemoteHeader:
        return RemoteHeader(header, self._size, self._validator, first, self._digest)

    def _is_known(self, answer: Answer) -> bool:
        if self._ask.known is None:
            return False
        return answer.status == 304 or (answer.status in (200, 206) and validator_of(answer) == self._ask.known)

    def _refuse_empty(self, answer: Answer) -> None:
        if answer.status == 416 and answer.headers.get("Content-Range") == "bytes */0":
            parse(b"", 0)

    def _part(self, begin: int, end: int) -> AbstractAsyncContextManager[Answer]:
        headers = {"Range": f"bytes={begin}-{end - 1}"}
        if begin == 0 and self._ask.known is not None and self._ask.known.endswith('"'):
            headers["If-None-Match"] = self._ask.known
        if begin > 0 and self._validator is not None and self._validator.startswith('"'):
            headers["If-Range"] = self._validator
        return self._client.get(self._ask.target, headers)

    async def _from_parts(self) -> Header:
        for _ in range(_MOST_REQUESTS):
            found = await self._parse()
            if isinstance(found, Header):
                return found
            await self._make_room(found.at_least)
            begin = len(self._data)
            async with self._part(begin, found.at_least) as answer:
                if answer.status in (200, 412) or (answer.status == 206 and validator_of(answer) != self._validator):
                    raise _ChangedError
                self._ask.target.refuse(answer, self._ask.what)
                await self._take_part(answer, begin, found.at_least)
        raise _untrue(self._ask, "comes in parts that are too small")

    async def _from_stream(self, answer: Answer) -> Header:
        wanted = self._ask.first_read
        while True:
            await self._make_room(wanted)
            await self._append(answer, wanted)
            if len(self._data) < wanted:
                self._size = len(self._data)
            found = await self._parse()
            if isinstance(found, Header):
                return found
            wanted = found.at_least

    async def _take_part(self, answer: Answer, begin: int, end: int) -> None:
        last = self._checked_range(answer, begin, end)
        await self._append(answer, last + 1)
        if len(self._data) != last + 1:
            raise _untrue(self._ask, "came only in part")

    async def _append(self, answer: Answer, upto: int) -> None:
        async for part in answer.parts(upto - len(self._data)):
            self._data += part

    def _checked_range(self, answer: Answer, begin: int, end: int) -> int:
        """The last byte of the part that the server says it sends."""
        told = part_of(answer)
        if told is None:
            raise _untrue(self._ask, "comes as another part than was asked for")
        first, last, size = told
        if first != begin or not first <= last < end or (size is not None and last >= size):
            raise _untrue(self._ask, "comes as another part than was asked for")
        if begin > 0 and size != self._size:
            raise _ChangedError
        self._size = size
        return last

    async def _parse(self) -> Header | NeedMore:
        # Up to a second for the longest headers: too long for a loop that also renews a lease.
        return await asyncio.to_thread(self._parse_here)

    def _parse_here(self) -> Header | NeedMore:
        found = parse(bytes(self._data), self._size)
        if isinstance(found, Header):
            self._digest = hashlib.sha256(memoryview(self._data)[: found.data_start]).hexdigest()
        return found

    async def _make_room(self, wanted: int) -> None:
        if wanted > _LARGE and len(self._data) <= _LARGE:
            await self._stack.enter_async_context(self._large)
            await self._stack.enter_async_context(asyncio.timeout(_SLOWEST_LARGE))


def part_of(answer: Answer) -> tuple[int, int, int | None] | None:
    """The first and the last byte of the part that the server says it sends, and the size of the whole file."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return None if found is None else (int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))


def validator_of(answer: Answer) -> str | None:
    """What changes when the file does, as far as the server says."""
    found = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return found if found and len(found) <= _LONGEST_ETAG and found.isprintable() else None


def _untrue(ask: Ask, words: str) -> SourceTrouble:
    return SourceTrouble(Reason.SOURCE_UNREACHABLE, f"{ask.what} at {told(ask.target.url)} {words}")
