"""Brings one file: several connections, each with a part of it, and every byte checked against what the server said."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from plimsoll.api.reasons import Reason
from plimsoll.weights.client import Answer, Client, Target
from plimsoll.weights.partial import Partial
from plimsoll.weights.progress import Progress
from plimsoll.weights.ranged import part_of, validator_of
from plimsoll.weights.spans import Span
from plimsoll.weights.trouble import SourceTrouble, told


@dataclass(frozen=True, slots=True)
class Pace:
    """A kill costs at most a block for each connection, which is what it writes at once, and what the kernel holds."""

    connections: int = 4
    block: int = 1 << 20
    request: int = 64 << 20
    slowest_block: float = 120.0


class FileChangedError(Exception):
    """The file is not any more the one that was found; whatever came of it is worth nothing."""


class _NoRangesError(Exception):
    """The server sends files only as a whole."""


class Download:
    def __init__(self, client: Client, partial: Partial, progress: Progress, pace: Pace) -> None:
        self._client = client
        self._partial = partial
        self._file = partial.file
        self._progress = progress
        self._pace = pace

    async def run(self) -> None:
        """Returns when the whole file is on disk. Raises SourceTrouble or FileChangedError; what came is kept."""
        if self._file.size is None:
            await self._as_a_whole()
            return
        try:
            await self._in_parts()
        except _NoRangesError:
            self._progress.lost(self._partial.safe_bytes)
            await self._as_a_whole()

    async def _in_parts(self) -> None:
        # From front to back, and small enough that no connection is left with most of the work.
        spans = deque(piece for gap in self._partial.missing() for piece in gap.pieces(self._pace.request))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._pace.connections, len(spans))):
                    group.create_task(self._connection(spans))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _connection(self, spans: deque[Span]) -> None:
        while spans:
            span = spans.popleft()
            headers = {"Range": f"bytes={span.begin}-{span.end - 1}"}
            if self._file.validator is not None and self._file.validator.startswith('"'):
                headers["If-Range"] = self._file.validator
            target = self._file.locate()
            async with self._client.get(target, headers) as answer:
                end = self._checked(answer, target, span)
                await self._take(answer, Span(span.begin, end))
            if end < span.end:
                spans.appendleft(Span(end, span.end))

    def _checked(self, answer: Answer, target: Target, span: Span) -> int:
        """Where the part ends that the server says it sends: servers may send less than they were asked for."""
        if answer.status == 416:
            raise FileChangedError
        if answer.status == 200:
            self._require_same(answer, answer.response.content_length)
            raise _NoRangesError
        target.refuse(answer, self._file.path)
        part = part_of(answer)
        if part is None or part[0] != span.begin or not span.begin <= part[1] < span.end:
            raise self._trouble(answer, "comes as another part than was asked for")
        self._require_same(answer, part[2])
        return part[1] + 1

    def _require_same(self, answer: Answer, size: int | None) -> None:
        if size not in (None, self._file.size):
            raise FileChangedError
        if self._file.validator is not None and validator_of(answer) != self._file.validator:
            raise FileChangedError

    async def _take(self, answer: Answer, span: Span) -> None:
        for piece in span.pieces(self._pace.block):
            block = await self._block(answer, piece.size)
            if len(block) != piece.size:
                raise self._trouble(answer, "ended early")
            await self._partial.write(piece.begin, block)

    async def _as_a_whole(self) -> None:
        """From the beginning in one answer; of such a server nothing can be resumed."""
        self._partial.start_again()
        target = self._file.locate()
        async with self._client.get(target) as answer:
            target.refuse(answer, self._file.path)
            self._require_same(answer, answer.response.content_length)
            at = 0
            while block := await self._block(answer, self._pace.block):
                await self._partial.write(at, block)
                at += len(block)
                if self._file.size is not None and at > self._file.size:
                    raise FileChangedError
            if self._file.size not in (None, at):
                raise self._trouble(answer, "ended early")

    async def _block(self, answer: Answer, most: int) -> bytes:
        """So many bytes; fewer only where the answer ends."""
        block = bytearray()
        try:
            async with asyncio.timeout(self._pace.slowest_block):
                async for part in answer.parts(most):
                    block += part
                    self._progress.add(len(part))
        except TimeoutError:
            raise self._trouble(answer, "comes too slowly") from None
        return bytes(block)

    def _trouble(self, answer: Answer, words: str) -> SourceTrouble:
        return SourceTrouble(Reason.SOURCE_UNREACHABLE, f"{self._file.path} at {told(answer.url)} {words}")
