"""The one door to an API server: plain objects in, plain objects out, errors as types.

Requests go through aiohttp as they are. The dynamic client of the package costs a fifth more time for each apply, and
asks the server for all it can do before the first.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp

from plimsoll.api import names
from plimsoll.cluster.errors import Conflict, Forbidden, Refused, Unavailable, error_from
from plimsoll.cluster.kinds import Kind, Object, kind_of
from plimsoll.cluster.patience import Patience

Objects = list[Object]
Verb = Literal["get", "list", "watch", "apply", "apply_status", "create", "replace", "delete"]

_READ_SECONDS = 30.0
_WRITE_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
# For the other side of a WebSocket to say goodbye too.
_GOODBYE = aiohttp.ClientWSTimeout(ws_close=1.0)
_PAGE = 500
# No object ever has this version, so an apply with it succeeds only where there is no object of that name.
_NOBODY_HAS = "1"
_APPLY = "application/apply-patch+yaml"
# Some of these end a line in YAML, others are forbidden in it.
_ESCAPED = re.compile("[\x7f-\uffff]")


def always() -> float:
    """Whoever has no lease may always write."""
    return _WRITE_SECONDS


def nobody(kind: Kind, verb: Verb, result: str) -> None:
    """Nobody counts the writes."""


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: Object | None = None
    content_type: str = "application/json"


class Client:
    """`may_write` is asked before every write: it tells how many seconds one may take, or raises."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        may_write: Callable[[], float] = always,
        written: Callable[[Kind, Verb, str], None] = nobody,
        patience: Patience | None = None,
    ) -> None:
        self._session = session
        self._server = server.rstrip("/")
        self._may_write = may_write
        self._written = written
        self._patience = patience or Patience()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        return await self._read(_Request("GET", kind.path(namespace, name)))

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "") -> Objects:
        found: Objects = []
        async for page, _ in self.pages(kind, namespace, labels):
            found += page
        return found

    async def pages(
        self, kind: Kind, namespace: str | None = None, labels: str = ""
    ) -> AsyncIterator[tuple[Objects, str]]:
        """The objects by the hundreds, each page with the version of the whole list."""
        params = {"limit": str(_PAGE)} | ({"labelSelector": labels} if labels else {})
        while True:
            answer = await self._read(_Request("GET", kind.path(namespace), params))
            for item in answer["items"]:
                item.update(apiVersion=kind.api_version, kind=kind.name)
            yield answer["items"], answer["metadata"]["resourceVersion"]
            if not (more := answer["metadata"].get("continue")):
                return
            params["continue"] = more

    async def watch(
        self, kind: Kind, namespace: str | None, labels: str, since: str
    ) -> AsyncGenerator[tuple[str, Object]]:
        """Every change since a version, until the server ends the stream; an ERROR in it is raised."""
        params = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": since}
        params |= {"labelSelector": labels} if labels else {}
        async with self._sent(_Request("GET", kind.path(namespace), params), lambda: None) as response:
            async for line in response.content:
                told = json.loads(line)
                if told["type"] == "ERROR":
                    raise error_from(told["object"].get("code", 500), json.dumps(told["object"]).encode(), {})
                yield told["type"], told["object"]

    async def apply(self, wanted: Object, *, manager: str = names.FIELD_MANAGER, only_new: bool = False) -> Object:
        """Server-side apply with force. With `only_new` the name has to be free, else it ends in a Conflict."""
        if only_new:
            wanted = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": _NOBODY_HAS}}
        return await self._write("apply", kind_of(wanted), self._patch(wanted, manager))

    async def apply_status(self, wanted: Object, *, manager: str = names.FIELD_MANAGER) -> Object:
        return await self._write("apply_status", kind_of(wanted), self._patch(wanted, manager, "status"))

    async def create(self, wanted: Object, *, manager: str = names.FIELD_MANAGER) -> Object:
        kind = kind_of(wanted)
        path = kind.path(wanted["metadata"].get("namespace"))
        params = {"fieldManager": manager}
        return await self._write("create", kind, _Request("POST", path, params, wanted))

    async def dry_run(self, wanted: Object, *, manager: str = names.FIELD_MANAGER) -> Object:
        """What the server would store of a new object. Nothing is written."""
        path = kind_of(wanted).path(wanted["metadata"].get("namespace"))
        return await self._read(_Request("POST", path, {"fieldManager": manager, "dryRun": "All"}, wanted))

    async def review(self, question: Object) -> Object:
        """What the server says to a question of a kind that it answers and does not store."""
        return await self._read(_Request("POST", kind_of(question).path(), body=question))

    async def replace(self, wanted: Object, *, manager: str = names.FIELD_MANAGER) -> Object:
        """Of the whole object; the resourceVersion in it is a precondition."""
        kind, metadata = kind_of(wanted), wanted["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"])
        params = {"fieldManager": manager}
        return await self._write("replace", kind, _Request("PUT", path, params, wanted))

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, preconditions: Mapping[str, str] | None = None
    ) -> None:
        """`preconditions` may name the uid and the resourceVersion that the object must still have."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        body: Object = options | ({"preconditions": dict(preconditions)} if preconditions else {})
        await self._write("delete", kind, _Request("DELETE", kind.path(namespace, name), body=body))

    @asynccontextmanager
    async def upgraded(
        self, path: str, params: Mapping[str, str], protocol: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to what is at the path; whatever the server says instead is raised as an error of ours."""
        request = _Request("GET", path, params)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                # What comes is no object, and whoever only takes objects is answered 406.
                socket = await self._session.ws_connect(
                    self._server + path,
                    params=params,
                    protocols=(protocol,),
                    timeout=_GOODBYE,
                    headers={"Accept": "*/*"},
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 403:
                raise Forbidden(f"GET {path} is forbidden", "get", path) from None
            raise error_from(error.status, b"", error.headers or {}) from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _away(request, error) from None
        async with socket:
            yield socket

    def _patch(self, wanted: Object, manager: str, subresource: str | None = None) -> _Request:
        metadata = wanted["metadata"]
        path = kind_of(wanted).path(metadata.get("namespace"), metadata["name"], subresource)
        params = {"fieldManager": manager, "force": "true"}
        return _Request("PATCH", path, params, wanted, _APPLY)

    async def _read(self, request: _Request) -> Object:
        async with self._sent(request, lambda: _READ_SECONDS) as response:
            return _object(await response.read())

    async def _write(self, verb: Verb, kind: Kind, request: _Request) -> Object:
        result = "failed"
        try:
            async with self._sent(request, self._may_write) as response:
                answer = _object(await response.read())
            result = "done"
        except (Conflict, Forbidden, Refused) as error:
            result = type(error).__name__.lower()
            raise
        finally:
            self._written(kind, verb, result)
        return answer

    @asynccontextmanager
    async def _sent(
        self, request: _Request, seconds: Callable[[], float | None]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer when it is a good one; whatever else happens is raised as an error of ours."""
        await self._patience.wait()
        began, answered = asyncio.get_running_loop().time(), False
        try:
            # Asked only now: while we waited, the right to write may have ended.
            timeout = aiohttp.ClientTimeout(total=seconds(), sock_connect=_CONNECT_SECONDS)
            async with self._session.request(
                request.method,
                self._server + request.path,
                params=request.params,
                data=None if request.body is None else _encoded(request.body),
                headers={"Content-Type": request.content_type},
                timeout=timeout,
            ) as response:
                if response.status >= 400:
                    raise error_from(response.status, await response.read(), response.headers)
                self._patience.succeeded()
                answered = True
                yield response
        except (Unavailable, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            away = _away(request, error)
            # A stream that breaks in the middle says nothing about the next request.
            if not answered:
                self._patience.failed(away, began)
            raise away from None


def _encoded(body: Object) -> bytes:
    """JSON that is YAML too, for an apply is read as such: there two escapes do not make one character, as in JSON."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _away(request: _Request, error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable(f"{request.method} {request.path}: {str(error) or 'no answer in time'}")


def _object(body: bytes) -> Object:
    answer: Object = json.loads(body)
    return answer
