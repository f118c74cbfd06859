"""The engine's process: it listens, loads, serves until it is asked to stop, and ends by the contract."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Generator
from typing import Any

import uvicorn
import uvloop

from plimsoll.errors import UserError
from plimsoll.runtime.endings import BadOption
from plimsoll.runtime.http.application import Application
from plimsoll.runtime.http.calls import family_of
from plimsoll.runtime.http.connection import Connection
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.journal import Journal
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.state import Phase, State
from plimsoll.runtime.loading import Hearing, Parts, Stopped, load
from plimsoll.runtime.metrics import Metrics
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.statistics import Statistics
from plimsoll.runtime.templates.renderer import Renderer
from plimsoll.runtime.work import Outcomes

_LOG = logging.getLogger(__name__)
# Clients keep connections that they do not use; whoever closes first makes the other one's next request fail.
_KEEP_ALIVE_SECONDS = 75
# After the last answer, for what clients have not read yet.
_LAST_WORDS_SECONDS = 5
_LOOK_SECONDS = 0.05
_BACKLOG = 2048


def serve(settings: Settings) -> None:
    """Returns when the engine was asked to stop and has done so; raises what ended it."""
    listener = _listener(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, listener))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """They are ours: a signal ends the taking of requests, and only much later the server."""
        yield


class _Process:
    """Everything here runs in the thread of the event loop, but for what says otherwise."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = State(settings, int(time.time()))
        self._parts: Parts | None = None
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._broken: asyncio.Future[None] = self._loop.create_future()

    async def run(self, listener: socket.socket) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        server = self._server()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        port = listener.getsockname()[1]
        _LOG.info("listening on port %d", port, extra={"fields": {"port": port}})
        try:
            await self._serve()
        except BaseException:
            self._state.phase = Phase.FAILED
            raise
        finally:
            # Answers that are complete still reach those who read them.
            server.should_exit = True
            await serving

    async def _serve(self) -> None:
        loading = asyncio.create_task(self._load())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            self._state.phase = Phase.DRAINING
        with contextlib.suppress(Stopped):
            await loading
        ends: list[asyncio.Future[Any]] = [stopping, self._broken]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._broken.done():
            # Its jobs were told before; what they were told is written by now or soon.
            self._broken.result()
        await self._drain()

    async def _load(self) -> None:
        own = self._settings.chat_template
        if own is not None:
            # Before minutes of loading.
            await check_template(own)
        hearing = Hearing(self._heard_progress, self._deliver, self._heard_failure, self._stop.is_set)
        try:
            parts = self._parts = await asyncio.to_thread(load, self._settings, hearing)
        except Exception:
            if self._stop.is_set():
                raise Stopped from None
            raise
        model = parts.model
        renderer = Renderer(
            own or model.chat_template,
            model.bos_text,
            model.eos_text,
            tool_template=None if own else model.tool_template,
        )
        if (trouble := await renderer.start()) is not None:
            _LOG.error("chats will fail, because %s", trouble)
        if parts.constraints is not None:
            parts.constraints.start()
        written = own or model.tool_template or model.chat_template or ""
        calls = family_of(written)
        for name in calls.marks if calls else ():
            model.show(name)
        loaded = Loaded(parts.engine, model, renderer, parts.constraints, calls)
        self._state.ready(loaded, lambda: parts.engine.heartbeat)
        _LOG.info("ready")

    async def _drain(self) -> None:
        """Nobody new is let in; who is inside has time until the deadline, and is told when it is over."""
        self._state.phase = Phase.DRAINING
        if self._parts is None:
            return
        engine = self._parts.engine
        _LOG.info("asked to stop: %d requests are inside", engine.room.taken)
        deadline = self._loop.time() + self._settings.drain_seconds
        while engine.room.taken and self._loop.time() < deadline and not self._broken.done():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        engine.drain(time.monotonic())
        if not await asyncio.to_thread(engine.join, _LAST_WORDS_SECONDS):
            _LOG.warning("the engine's thread does not end")

    def _server(self) -> uvicorn.Server:
        metrics = Metrics(self._statistics, self._settings.alias)
        desk = Desk(self._state, metrics.answered, metrics.exposition)
        config = uvicorn.Config(
            Application(desk, Journal(desk.clock)),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LAST_WORDS_SECONDS,
        )
        return _Server(config)

    def _statistics(self) -> Statistics | None:
        return None if self._parts is None else self._parts.engine.statistics()

    # In other threads.

    def _heard_progress(self, share: float) -> None:
        self._state.loaded_share = share

    def _deliver(self, outcomes: Outcomes) -> None:
        self._loop.call_soon_threadsafe(hand_out, outcomes)

    def _heard_failure(self, error: BaseException) -> None:
        self._loop.call_soon_threadsafe(self._break, error)

    def _break(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)


async def check_template(text: str) -> None:
    renderer = Renderer(text, bos="", eos="")
    try:
        trouble = await renderer.start()
    finally:
        await renderer.close()
    if trouble is not None:
        raise BadOption(f"--chat-template cannot be used: {trouble}", fix="Correct it, or leave the option out.")


def hand_out(outcomes: Outcomes) -> None:
    for job, delta in outcomes:
        try:
            job.sink(delta)
        except Exception:  # noqa: BLE001 - whoever comes after it would wait for ever
            _LOG.exception("what came for %s could not be told", job.id)


async def _run(settings: Settings, listener: socket.socket) -> None:
    await _Process(settings).run(listener)


def _listener(settings: Settings) -> socket.socket:
    """On the address of the settings, or on every address of both kinds."""
    try:
        if settings.host or not socket.has_dualstack_ipv6():
            return socket.create_server((settings.host, settings.port), backlog=_BACKLOG)
        return socket.create_server(("", settings.port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    except OSError as error:
        where = f"port {settings.port}" + (f" of {settings.host}" if settings.host else "")
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise UserError(
            f"{where} cannot be listened on: {why}",
            fix="Choose another one with --port, or an own address with --host.",
        ) from None
