"""One process at a time for a folder, also when those who want it run on different nodes and share a network volume.

Locks of the kernel do not reach across every kind of volume, so this one is made of what all of them have: only one
process can create a file. The lock is the file with the highest number. Its owner writes into it every few seconds; an
owner that falls silent is dead, and who creates the next number first has the lock. Whoever watches measures the
silence with a clock of its own, so no two clocks have to agree. On one machine the kernel knows at once who is dead,
and is asked.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from plimsoll.weights.volume import writing

_NAME = re.compile(r"lock-(\d{1,12})")
_FREE = "free"


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. Network volumes may show a change up to a minute late, so silence is given more than that."""

    beat: float = 5.0
    dead: float = 90.0
    look: float = 1.0


class LockLost(Exception):
    """Somebody took this process for dead and goes on with its work: it has to stop."""


@dataclass(frozen=True, slots=True)
class Owner:
    """`machine` is the name of the pod, or of the machine outside of one; `name` is of this process alone."""

    machine: str
    name: str


class FolderLock:
    def __init__(self, folder: Path, owner: Owner, patience: Patience, monotonic: Callable[[], float]) -> None:
        self._folder = folder
        self._owner = owner
        self._patience = patience
        self._monotonic = monotonic
        self._number = 0
        self._beats = 0
        self._file = -1
        # Its own thread, so that no beat is still written when the lock is given up.
        self._pool = ThreadPoolExecutor(1, "beat")

    def try_to_take(self, *, silent: int | None = None) -> bool:
        """Takes the lock if nobody has it, or only the silent owner of that number."""
        last = self._last()
        if last is not None and last != silent and not self._is_left(last):
            return False
        number = (last or 0) + 1
        try:
            self._file = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        self._number = number
        self._hold_for_the_kernel()
        self._write()
        # Somebody who looked long ago may have made a number that others are past already.
        if self._last() != number:
            self._let_go()
            return False
        self._remove_before(number)
        return True

    async def take(self, is_done: Callable[[], bool], say: Callable[[str], None]) -> bool:
        """Waits for the lock; False as soon as there is nothing left to do, because somebody else did it."""
        seen, since, told = None, self._monotonic(), False
        while not is_done():
            with writing(self._folder, 0):
                last, state = self._last(), self._state()
                if state != seen:
                    seen, since = state, self._monotonic()
                silent = last if self._monotonic() - since >= self._patience.dead else None
                if self.try_to_take(silent=silent):
                    return True
            if not told:
                told = True
                say(f"waiting: {self._owner_of(last)} is loading the same files")
            await asyncio.sleep(self._patience.look)
        return False

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)
        with suppress(OSError):  # then its silence tells
            if self._last() == self._number:
                self._write(free=True)
        self._let_go()

    def require(self) -> None:
        """Raises LockLost if it is somebody else's by now; ask before anything that cannot be undone."""
        if self._last() != self._number:
            raise LockLost

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._patience.beat)
            with suppress(OSError):  # a beat that is missed is made good by the next one
                await asyncio.get_running_loop().run_in_executor(self._pool, self._write)

    def _write(self, *, free: bool = False) -> None:
        self._beats += 1
        state = _FREE if free else str(self._beats)
        text = f"{state}\n{self._owner.machine}\n{self._owner.name}\n".encode()
        os.pwrite(self._file, text.ljust(512), 0)
        # Also makes network volumes show it to others.
        os.fsync(self._file)

    def _hold_for_the_kernel(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # this volume has no such locks; the beats are enough

    def _is_left(self, number: int) -> bool:
        """Whether its owner is done with it, or dead without any doubt."""
        words = self._words(number)
        if not words or words[0] == _FREE:
            # A file without words was made this moment, or by somebody who died in it: its silence will tell.
            return bool(words)
        return words[1] == self._owner.machine and self._kernel_says_free(number)

    def _kernel_says_free(self, number: int) -> bool:
        try:
            file = os.open(self._path(number), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(file)

    def _state(self) -> tuple[int | None, list[str]]:
        last = self._last()
        return last, [] if last is None else self._words(last)

    def _words(self, number: int) -> list[str]:
        try:
            lines = self._path(number).read_text(encoding="utf-8", errors="replace").rstrip().split("\n")
        except OSError:
            return []
        return lines if len(lines) == 3 else []

    def _owner_of(self, number: int | None) -> str:
        words = [] if number is None else self._words(number)
        return words[1] if words else "another process"

    def _last(self) -> int | None:
        return max(self._numbers(), default=None)

    def _numbers(self) -> list[int]:
        return [int(found[1]) for name in os.listdir(self._folder) if (found := _NAME.fullmatch(name))]  # noqa: PTH208

    def _remove_before(self, number: int) -> None:
        for each in self._numbers():
            if each < number:
                self._path(each).unlink(missing_ok=True)

    def _let_go(self) -> None:
        os.close(self._file)
        self._file = -1

    def _path(self, number: int) -> Path:
        return self._folder / f"lock-{number}"
