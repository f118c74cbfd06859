"""/healthz, /readyz and /metrics: whether the operator works, not only whether its process is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from plimsoll.controller.metrics import Metrics

_PERIODS_THAT_MAY_FAIL = 3
# Also where they come fast: an API server may be away for as long, and a new process would not find it sooner.
_LEAST_PATIENCE = 300.0


@dataclass
class Health:
    """What is known of the work; `standing_by` until the lease is ours."""

    resync: float
    standing_by: bool = True
    primed: bool = False
    last_resync: float | None = None

    def began(self) -> None:
        self.standing_by = False
        self.last_resync = asyncio.get_running_loop().time()

    def resynced(self) -> None:
        self.last_resync = asyncio.get_running_loop().time()

    def alive(self) -> tuple[bool, str]:
        if self.last_resync is None:
            return True, "standing by" if self.standing_by else "starting"
        silence = asyncio.get_running_loop().time() - self.last_resync
        if silence > max(_PERIODS_THAT_MAY_FAIL * self.resync, _LEAST_PATIENCE):
            return False, f"no resync has finished for {silence:.0f} s"
        return True, "ok"

    def ready(self) -> tuple[bool, str]:
        if self.standing_by:
            return True, "standing by"
        return self.primed, "ok" if self.primed else "everything is being listed"


@dataclass(frozen=True)
class Ports:
    host: str
    health: int
    metrics: int


@asynccontextmanager
async def served(health: Health, metrics: Metrics, ports: Ports) -> AsyncIterator[None]:
    probes = web.Application()
    probes.router.add_get("/healthz", _probe(health.alive))
    probes.router.add_get("/readyz", _probe(health.ready))
    figures = web.Application()

    async def tell(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    figures.router.add_get("/metrics", tell)
    runners = [web.AppRunner(each, access_log=None, shutdown_timeout=1) for each in (probes, figures)]
    try:
        for runner, port in zip(runners, (ports.health, ports.metrics), strict=True):
            await runner.setup()
            await web.TCPSite(runner, ports.host, port).start()
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


def _probe(ask: Callable[[], tuple[bool, str]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        good, words = ask()
        return web.Response(status=200 if good else 503, text=f"{words}\n")

    return answer
