"""A web server in the loop of a test, which answers as it is told and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

Answer = Callable[["Asked"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    request: web.Request = field(repr=False)
    text: str = field(repr=False)


@dataclass
class ToyServer:
    url: str
    session: aiohttp.ClientSession
    asked: list[Asked] = field(default_factory=list)


def answering(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    async def answer(_: Asked) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


def status(code: int, message: str = "no", reason: str = "", **more: Any) -> Any:
    """The body of a refusal of Kubernetes."""
    return {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code, **more}


@asynccontextmanager
async def toy_server(answer: Answer) -> AsyncIterator[ToyServer]:
    asked: list[Asked] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        query, headers = dict(request.query), dict(request.headers)
        asked.append(Asked(request.method, request.path, query, headers, body, request, text))
        return await answer(asked[-1])

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield ToyServer(f"http://127.0.0.1:{port}", session, asked)
    finally:
        await runner.cleanup()
