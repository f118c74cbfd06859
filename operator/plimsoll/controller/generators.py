"""Async generators that a library leaves open: they are closed from the outside in.

When a loop ends, asyncio closes all that are left at once, in any order. One that stands in an `async with` of another
may then be closed before it, and the outer one ends with "generator didn't stop after athrow()" in the log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from types import AsyncGeneratorType
from typing import Any
from weakref import WeakKeyDictionary

Generator = AsyncGenerator[Any, Any]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def closed_in_order(package: str) -> AsyncIterator[None]:
    """Closes at its end what was begun meanwhile by functions of the package, and by nobody else."""
    begun: WeakKeyDictionary[Generator, int] = WeakKeyDictionary()
    numbers, hooks = count(), sys.get_asyncgen_hooks()

    def note(generator: Generator) -> None:
        if _package_of(generator) == package:
            # Who stands in another one has been begun after it.
            begun[generator] = next(numbers)
        if hooks.firstiter is not None:
            hooks.firstiter(generator)

    sys.set_asyncgen_hooks(note, hooks.finalizer)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)
        for generator in sorted(begun, key=begun.__getitem__):
            try:
                await generator.aclose()
            except Exception as error:  # noqa: BLE001 - as at the end of a loop: what fails there is told, and no more
                _log.warning("a generator that %s left open could not be closed: %s", package, error)


def _package_of(generator: Generator) -> str:
    frame = generator.ag_frame if isinstance(generator, AsyncGeneratorType) else None
    return "" if frame is None else str(frame.f_globals.get("__name__")).partition(".")[0]
