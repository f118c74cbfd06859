"""A file that is not complete yet, with a journal beside it of the bytes that are safe on disk.

The journal is written after the data has reached the disk, so whatever it names is there, also after a loss of power.
What it does not name is fetched again: at most one block for each connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial as bound
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plimsoll.weights.remote_files import RemoteFile
from plimsoll.weights.spans import Span, Spans
from plimsoll.weights.volume import writing

_CHECKED = "checked"
_THREADS = 4


class Partial:
    """Use it as a context to write. Only one process at a time may: `require` raises when this is not it any more."""

    def __init__(self, folder: Path, file: RemoteFile, require: Callable[[], None]) -> None:
        name = hashlib.sha256(file.path.encode()).hexdigest()[:32]
        self.file = file
        self.path = folder / f"{name}.part"
        self.checked = False
        self._journal = folder / f"{name}.journal"
        self._safe = Spans()
        self._waiting: list[Span] = []
        self._turn = asyncio.Lock()
        self._require = require
        with writing(self.path, file.size or 0):
            if not self._take_up():
                self.discard()

    async def __aenter__(self) -> Self:
        with writing(self.path, self.file.size or 0):
            if not self._journal.exists():
                self._journal.write_text(f"{self._about}\n", encoding="utf-8")
            self._data = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._lines = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        # Its own threads, so that none of them still writes when the files are closed.
        self._pool = ThreadPoolExecutor(_THREADS, "write")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        os.close(self._data)
        os.close(self._lines)

    @property
    def safe_bytes(self) -> int:
        return self._safe.size

    def missing(self) -> list[Span]:
        assert self.file.size is not None
        return self._safe.missing(self.file.size)

    async def write(self, begin: int, data: bytes) -> None:
        """Returns when the bytes are on disk and in the journal. Others who wait meanwhile are served by one sync."""
        span = Span(begin, begin + len(data))
        await self._run(bound(self._put, begin, data))
        self._waiting.append(span)
        async with self._turn:
            if span not in self._waiting:
                return
            batch, self._waiting = self._waiting, []
            await self._run(bound(self._keep, batch))
            for each in batch:
                self._safe.add(each)

    async def finish(self) -> None:
        """On disk as a whole, and known to be what was wanted; it is not asked again."""
        await self._run(bound(self._note, f"{_CHECKED}\n"))
        self.checked = True

    async def _run(self, action: Callable[[], None]) -> None:
        with writing(self.path, (self.file.size or 0) - self.safe_bytes):
            await asyncio.get_running_loop().run_in_executor(self._pool, action)

    def start_again(self) -> None:
        """Forgets what is there, for servers that send a file only from its beginning."""
        with writing(self.path, self.file.size or 0):
            os.ftruncate(self._lines, 0)
            os.write(self._lines, f"{self._about}\n".encode())
            os.ftruncate(self._data, 0)
        self._safe, self.checked = Spans(), False

    def discard(self) -> None:
        self._journal.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        """Under its final name; a journal that a crash leaves behind belongs to nothing, and is forgotten."""
        self.path.replace(target)
        self._journal.unlink(missing_ok=True)

    def _put(self, begin: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._data, view, begin)
            begin, view = begin + written, view[written:]

    def _keep(self, batch: list[Span]) -> None:
        self._require()
        os.fdatasync(self._data)
        os.write(self._lines, "".join(f"{span.begin} {span.end}\n" for span in batch).encode())

    def _note(self, line: str) -> None:
        os.fsync(self._data)
        os.write(self._lines, line.encode())

    @property
    def _about(self) -> str:
        file, checksum = self.file, self.file.checksum
        told = [file.path, file.size, file.validator, checksum and f"{checksum.kind}:{checksum.value}"]
        return json.dumps(told)

    def _take_up(self) -> bool:
        """Whether there is a beginning of this very file; nothing that can change unseen is gone on with."""
        file = self.file
        if file.size is None or (file.validator is None and file.checksum is None) or not self.path.exists():
            return False
        if not self._journal.exists():
            return False
        whole, _, _ = self._journal.read_bytes().rpartition(b"\n")
        # What stands after the last line end was cut off while it was written, and must not run into the next line.
        os.truncate(self._journal, len(whole) + 1)
        about, *lines = whole.decode(errors="replace").split("\n")
        if about != self._about:
            return False
        on_disk = self.path.stat().st_size
        for line in lines:
            self.checked |= line == _CHECKED
            span = _span(line)
            if span is not None and span.end <= min(on_disk, file.size):
                self._safe.add(span)
        self.checked &= not self._safe.missing(file.size)
        return True


def _span(line: str) -> Span | None:
    words: list[Any] = line.split(" ")
    if len(words) != 2 or not all(word.isdecimal() and len(word) < 20 for word in words):
        return None
    begin, end = map(int, words)
    return Span(begin, end) if begin < end else None
