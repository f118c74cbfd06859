"""Between a client and a real API server: counts every write, journals every call, and makes trouble where asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import yaml
from aiohttp import web

from tests.support import api_calls
from tests.support.api_calls import Call, Which, every_call, write_but_no_lease
from tests.support.api_faults import Answer, Delay, Faults, Hang, Reset, Strike, What
from tests.support.api_journal import Journal
from tests.support.api_upstream import LARGEST_BODY, Upstream
from tests.support.api_watches import Event, Trick, Watches, WhichEvent

Result = TypeVar("Result")
# Hears of every call but watches what the server answered, also when the caller never does.
Answered = Callable[[Call, int, bytes], None]

_START_SECONDS = 10
# They speak of one connection, and here are two; the credentials are the proxy's own.
_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "authorization", "te", "upgrade"}
)
_NOBODY = 0
_TURNS = 5


class ApiProxy:
    """Serves plain HTTP on loopback from `with` to its end; `kubeconfig` leads a client to it.

    With `user` every call is made in the name of this user, so that its rights and not the administrator's decide.
    `name` goes into the user agent, and so tells two processes of one user apart in the audit log.
    """

    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        name: str = "proxy",
        user: str | None = None,
        counts: Which = write_but_no_lease,
        *,
        answered: Answered = lambda *_: None,
    ) -> None:
        self.name = name
        self.journal = Journal(counts)
        self._answered = answered
        self.faults = Faults()
        self.kubeconfig = folder / f"{name}.kubeconfig"
        self._upstream = Upstream(kubeconfig, folder, user)
        self._watches = Watches()
        self._thread = threading.Thread(target=self._run, name=f"api-proxy-{name}", daemon=True)
        self._ready = threading.Event()
        self._failed: list[BaseException] = []

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_START_SECONDS), "the API proxy did not start"
        if self._failed:
            raise self._failed[0]
        self.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.url)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(_START_SECONDS)
        assert not self._thread.is_alive(), "the API proxy did not end"
        if self._failed:
            raise self._failed[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many lead to the API server at this moment."""
        return self._upstream.open_sockets

    # Watches, as tests speak of them.

    def events(self, which: WhichEvent = lambda _: True) -> list[Event]:
        """Everything that the server has told so far on any stream, bookmarks aside."""
        return self._do(lambda: [event for event in self._watches.events if which(event)])

    def open_watches(self, which: Which = every_call) -> list[Call]:
        return self._do(lambda: [stream.call for stream in self._watches.open(which)])

    def freeze_watches(self, which: Which = every_call) -> None:
        """Open streams, and those that open later, fall silent; nothing is lost."""
        self._do(lambda: self._watches.freeze(which))

    def thaw_watches(self) -> None:
        self._do(self._watches.thaw)

    def trick_watches(self, which: WhichEvent, trick: Trick, times: int | None = 1) -> None:
        """`drop`: never told. `twice`: told two times. `late`: told after the event that follows it."""
        self._do(lambda: self._watches.add_rule(which, trick, times))

    def replay_watches(self, which: Which = every_call, seed: int = 0) -> int:
        """Every event of the open streams is told again, in another order; how many that were."""
        return self._do(lambda: self._watches.replay(which, seed))

    def expire_watches(self, which: Which = every_call) -> None:
        """As when the server has forgotten the past: an ERROR event 410, and the end of the stream."""
        line = json.dumps({"type": "ERROR", "object": _status(Answer(410, message="too old resource version"))})
        self._do(lambda: self._watches.end(which, line.encode() + b"\n"))

    def break_watches(self, which: Which = every_call) -> None:
        self._do(lambda: self._watches.break_off(which))

    def _do(self, action: Callable[[], Result]) -> Result:
        async def run() -> Result:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START_SECONDS)

    # In the proxy's own thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits for it
            self._failed.append(error)
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._peace = asyncio.Event()
        self._peace.set()
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        async with self._upstream.session(self.name) as self._session:
            try:
                site = web.TCPSite(runner, "127.0.0.1", 0)
                await site.start()
                self._port: int = runner.addresses[0][1]
                self._ready.set()
                await self._closing.wait()
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        agent = request.headers.get("User-Agent", "")
        call = self.journal.begin(api_calls.parse(request.method, request.path, request.query, agent, body))
        await self._peace.wait()
        if request.transport is None:
            self.journal.end(call, _NOBODY, "the caller has gone")
            return web.Response()
        if response := await self._trouble(call, request, self.faults.take(call, "before")):
            return response
        try:
            return await self._pass_on(call, request, body)
        except (aiohttp.ClientError, ConnectionError) as error:
            # Also when the caller went away in the middle of a watch.
            self.journal.end(call, _NOBODY, repr(error))
            return _cut(request)

    async def _pass_on(self, call: Call, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        headers["User-Agent"] = f"{call.agent} ({self.name})".strip()
        async with self._session.request(
            request.method, self._upstream.address(request), headers=headers, data=body or None
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            if call.watching and answer.status == 200:
                stream = web.StreamResponse(status=answer.status, headers=kept)
                await stream.prepare(request)
                self.journal.end(call, answer.status)
                await self._watches.carry(call, request, answer, stream)
                return stream
            content = await answer.read()
            self._answered(call, answer.status, content)
            if response := await self._trouble(call, request, self.faults.take(call, "after"), answer.status):
                return response
            self.journal.end(call, answer.status)
            return web.Response(status=answer.status, headers=kept, body=content)

    async def _trouble(
        self, call: Call, request: web.Request, what: What | None, status: int = _NOBODY
    ) -> web.StreamResponse | None:
        """What the caller gets instead of an answer; None: the call goes on."""
        match what:
            case None:
                return None
            case Delay(seconds):
                await asyncio.sleep(seconds)
                return None
            case Strike(do, goes_on):
                await self._strike(do)
                if goes_on:
                    return None
            case Hang():
                await self._closing.wait()
            case Answer():
                self.journal.end(call, what.status, str(what))
                return _answer(what)
            case Reset():
                pass
        self.journal.end(call, status, str(what))
        return _cut(request)

    async def _strike(self, do: Callable[[], object]) -> None:
        self._peace.clear()
        try:
            await self._loop.run_in_executor(None, do)
            # A killed process has lost its connections: the loop has to see that before it lets other calls pass.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        finally:
            self._peace.set()


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _answer(what: Answer) -> web.Response:
    headers = {} if what.retry_after is None else {"Retry-After": str(what.retry_after)}
    return web.json_response(_status(what), status=what.status, headers=headers)


def _status(what: Answer) -> dict[str, Any]:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": what.status}
    details = {} if what.retry_after is None else {"details": {"retryAfterSeconds": what.retry_after}}
    return {**status, "reason": what.reason, "message": what.message, **details}


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        "clusters": [{"name": "proxy", "cluster": {"server": url}}],
        "users": [{"name": "proxy", "user": {}}],
    }
