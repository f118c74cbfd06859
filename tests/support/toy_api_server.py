"""An API server that remembers what it was asked and stores nothing: for tests of the harness itself."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

_START_SECONDS = 10


class ToyApiServer:
    """Answers every call with 200 and its own number; a watch is told what `tell` says."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.kubeconfig = folder / "toy.kubeconfig"
        self._watches: list[asyncio.Queue[bytes]] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="toy-api-server", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_START_SECONDS), "the toy API server did not start"
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "current-context": "toy",
                    "contexts": [{"name": "toy", "context": {"cluster": "toy", "user": "toy"}}],
                    "clusters": [{"name": "toy", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
                    "users": [{"name": "toy", "user": {"token": "toy-token"}}],
                }
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(_START_SECONDS)

    def tell(self, name: str, kind: str = "MODIFIED", version: int = 1) -> None:
        """An event on every open watch."""
        metadata = {"name": name, "namespace": "sea", "resourceVersion": str(version)}
        line = json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n"
        for queue in self._watches:
            self._loop.call_soon_threadsafe(queue.put_nowait, line)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port: int = runner.addresses[0][1]
        self._ready.set()
        await self._closing.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        if "watch" not in request.query:
            return web.json_response({"number": len(self.asked)})
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watches.append(queue)  # before the headers: who has read them may tell at once
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None:
            await response.write(await queue.get())
        return response
