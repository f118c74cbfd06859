"""The side that asks: one child at a time, killed when it exceeds anything, and replaced before it is needed again."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress

from plimsoll.runtime.confined.bounds import Bounds
from plimsoll.runtime.confined.child import OUT_OF_MEMORY
from plimsoll.runtime.confined.frames import DONE, HEAD, HELLO, REFUSED, framed

# An interpreter on a busy node; nothing that strangers wrote has been read by then.
_START_SECONDS = 30.0


class Refused(Exception):
    """The child looked at what was asked and said no; the message is its own."""


class Exceeded(Exception):
    """The child used too much, or died of what it was given. It is gone."""


class Confined:
    """Asks a module that calls `child.serve` in a process of its own."""

    def __init__(self, module: str, setup: bytes, bounds: Bounds) -> None:
        self._module = module
        self._setup = setup
        self._bounds = bounds
        self._one_at_a_time = asyncio.Lock()
        self._child: asyncio.Task[asyncio.subprocess.Process] | None = None

    def start(self) -> None:
        """Begins to start a child, unless there is one."""
        if self._child is None:
            self._child = asyncio.create_task(self._started())
            # Whoever asks next hears of a failed start; nobody has to.
            self._child.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def ask(self, question: bytes) -> bytes:
        async with self._one_at_a_time:
            child = await self._ready()
            try:
                return await self._asked(child, question)
            except Refused:
                raise
            except BaseException:
                # After a question that was given up, an answer would be taken for that of the next one.
                await self._lose(child)
                self.start()
                raise

    async def close(self) -> None:
        task, self._child = self._child, None
        if task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError, Refused, Exceeded):
            await self._lose(await task)

    async def _ready(self) -> asyncio.subprocess.Process:
        self.start()
        assert self._child is not None
        try:
            return await asyncio.shield(self._child)
        except (Refused, Exceeded):
            self._child = None
            raise

    async def _started(self) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", self._module, self._bounds.written(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={},
        )  # fmt: skip
        try:
            await self._hello(child)
            await self._asked(child, self._setup)
        except BaseException:
            await self._lose(child)
            raise
        return child

    async def _hello(self, child: asyncio.subprocess.Process) -> None:
        if await self._answer(child, b"", _START_SECONDS) != HELLO:
            raise Exceeded("it said something else than that it is ready")

    async def _asked(self, child: asyncio.subprocess.Process, question: bytes) -> bytes:
        answer = await self._answer(child, framed(question), self._bounds.seconds)
        if answer.startswith(DONE):
            return answer[len(DONE) :]
        if answer.startswith(REFUSED):
            raise Refused(answer[len(REFUSED) :].decode("utf-8", "replace"))
        raise Exceeded("its answer makes no sense")

    async def _answer(self, child: asyncio.subprocess.Process, said: bytes, seconds: float) -> bytes:
        assert child.stdin is not None
        try:
            async with asyncio.timeout(seconds):
                child.stdin.write(said)
                await child.stdin.drain()
                return await self._frame(child)
        except TimeoutError:
            raise Exceeded(f"it took longer than {seconds} s") from None
        except (ConnectionError, asyncio.IncompleteReadError):
            raise Exceeded(_why_it_ended(await child.wait())) from None

    async def _frame(self, child: asyncio.subprocess.Process) -> bytes:
        assert child.stdout is not None
        (length,) = HEAD.unpack(await child.stdout.readexactly(HEAD.size))
        if length > self._bounds.answer + len(DONE):
            raise Exceeded(f"its answer is longer than {self._bounds.answer} bytes")
        return await child.stdout.readexactly(length)

    async def _lose(self, child: asyncio.subprocess.Process) -> None:
        if self._child is not None and self._child.done():
            self._child = None
        with suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())


def _why_it_ended(code: int) -> str:
    if code == OUT_OF_MEMORY:
        return "it needed too much memory"
    if code == -signal.SIGXCPU:
        return "it needed too much CPU time"
    return f"its process ended with {code}"
