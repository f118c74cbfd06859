"""A bare asyncio client of an API server: what the operator is compared with, and what makes the models."""

import asyncio
import contextlib
import json
import ssl
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bench.frame.errors import BenchError
from plimsoll.cluster.kinds import Kind, kind_of

Object = dict[str, Any]
Item = TypeVar("Item")

AT_ONCE = 20
_APPLY = "application/apply-patch+yaml"
_PAGE = 500


class Bare:
    """Nothing but requests: no cache, no comparison, no retry."""

    def __init__(self, session: aiohttp.ClientSession, server: str, manager: str) -> None:
        self._session = session
        self._server = server
        self._manager = manager

    async def apply(self, wanted: Object, subresource: str | None = None) -> Object:
        metadata = wanted["metadata"]
        path = kind_of(wanted).path(metadata["namespace"], metadata["name"], subresource)
        return await self._send("PATCH", f"{path}?fieldManager={self._manager}&force=true", wanted, _APPLY)

    async def merge(self, kind: Kind, namespace: str, name: str, change: Object) -> Object:
        path = f"{kind.path(namespace, name)}?fieldManager={self._manager}"
        return await self._send("PATCH", path, change, "application/merge-patch+json")

    async def create(self, wanted: Object) -> Object:
        path = f"{kind_of(wanted).path(wanted['metadata']['namespace'])}?fieldManager={self._manager}"
        return await self._send("POST", path, wanted, "application/json")

    async def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        return await self._send("DELETE", kind.path(namespace, name), {}, "application/json")

    async def list(self, kind: Kind, namespace: str, labels: str = "") -> list[Object]:
        found: list[Object] = []
        more = ""
        while True:
            query = f"?limit={_PAGE}&continue={more}" + (f"&labelSelector={labels}" if labels else "")
            answer = await self._send("GET", kind.path(namespace) + query, None, "application/json")
            found += [{**each, "apiVersion": kind.api_version, "kind": kind.name} for each in answer["items"]]
            if not (more := answer["metadata"].get("continue", "")):
                return found

    async def _send(self, method: str, path: str, body: Object | None, content_type: str) -> Object:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self._server + path, data=data, headers=headers) as response:
            answer: Object = await response.json(content_type=None)
            if response.status >= 400:
                raise BenchError(f"{method} {path.partition('?')[0]} was refused: {answer.get('message', answer)}")
            return answer


@contextlib.asynccontextmanager
async def connect(kubeconfig: Path, manager: str) -> AsyncIterator[Bare]:
    """As the user of a kubeconfig of our clusters, which holds everything itself."""
    server, tls = _opened(kubeconfig)
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Bare(session, server, manager)


def _opened(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    told = json.loads(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = told["clusters"][0]["cluster"], told["users"][0]["user"]
    tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
        pair.flush()
        tls.load_cert_chain(pair.name)
    return str(cluster["server"]), tls


async def for_each(items: Iterable[Item], do: Callable[[Item], Awaitable[object]], at_once: int = AT_ONCE) -> None:
    """So many at a time, in order of their beginning."""
    rest = iter(items)

    async def work() -> None:
        for item in rest:
            await do(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
