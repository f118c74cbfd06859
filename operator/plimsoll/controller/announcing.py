"""Gateways first, callers second: whoever reads that a model is ready is answered by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from plimsoll.routing.document import Version

_log = logging.getLogger(__name__)

# Of a gateway that hangs; a status is not kept back for longer. It is cut off when it has been silent for much longer.
_PATIENCE = 2.0


class Announcing:
    """Made before there are gateways to wait for; until then nobody is waited for."""

    def __init__(self) -> None:
        self._compiled: Callable[[], Awaitable[Version | None]] | None = None
        self._served: Callable[[Version], Awaitable[None]] | None = None

    def through(
        self, compiled: Callable[[], Awaitable[Version | None]], served: Callable[[Version], Awaitable[None]]
    ) -> None:
        """`compiled` has the version with all that was heard; `served` returns when every gateway goes by it."""
        self._compiled, self._served = compiled, served

    async def announce(self) -> None:
        """All that was heard until now; returns when every gateway goes by it, or has had its time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._announce()
        except TimeoutError:
            _log.warning("a gateway has not taken the last change within %.0f s, and is not waited for", _PATIENCE)

    async def _announce(self) -> None:
        if self._compiled is None or self._served is None:
            return
        version = await self._compiled()
        if version is not None:
            await self._served(version)
