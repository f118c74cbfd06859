"""Waiting for something that the operator has to bring about, as long as there is one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bench.frame.errors import BenchError
from bench.operator.running import Running

Answer = TypeVar("Answer")

_PAUSE = 0.05


async def until(
    ask: Callable[[], Awaitable[Answer]], running: Running, seconds: float, missing: Callable[[], str]
) -> Answer:
    """The first answer that is something; an operator that has ended will never bring it about."""
    deadline = time.monotonic() + seconds
    while not (answer := await ask()):
        if not running.alive:
            raise BenchError(f"the operator has ended: {running.process.tail()}")
        if time.monotonic() > deadline:
            raise BenchError(f"not within {seconds:.0f} s: {missing()}")
        await asyncio.sleep(_PAUSE)
    return answer
