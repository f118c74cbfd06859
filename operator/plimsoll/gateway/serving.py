"""The gateway's process: it listens, serves by its routing document until it is asked to stop, and lets calls end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import uvloop

from plimsoll.gateway.access_log import AccessLog
from plimsoll.gateway.admission import Admission
from plimsoll.gateway.application import Application
from plimsoll.gateway.calling import Carrier
from plimsoll.gateway.desk import Desk
from plimsoll.gateway.following import House, OperatorLine
from plimsoll.gateway.health import Health
from plimsoll.gateway.intake import Intake
from plimsoll.gateway.metrics import Metrics, Seen
from plimsoll.gateway.outside import opened
from plimsoll.gateway.protocol import Doors
from plimsoll.gateway.routing_file import RoutingFile
from plimsoll.gateway.server import Server, allow_files, listener, server_of
from plimsoll.gateway.settings import Auth, Settings
from plimsoll.gateway.state import Phase, Routes, State, routes_of
from plimsoll.gateway.waiting import WaitingRoom
from plimsoll.ledger.holds import Kind, Limited, Scope
from plimsoll.ledger.journal import Journal
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.document import Document

_LOG = logging.getLogger(__name__)
_STDOUT = 1
# So many new objects that may be part of a cycle, before cycles among them are looked for: some hundred calls' worth.
_YOUNG = 20_000
_LOOK_SECONDS = 0.05
# How often what nobody has settled is looked for.
_EXPIRE_SECONDS = 10.0
# After the deadline, for what streams still have to say, and for what clients have not read.
_LAST_WORDS_SECONDS = 5.0


class Source(Protocol):
    """Of what is served by: a file, or the operator."""

    def start(self) -> None:
        """Before anybody is served. Raises UserError."""

    async def stop(self) -> None:
        """After the last answer."""


class Ports(NamedTuple):
    outer: socket.socket
    inner: socket.socket


def serve(settings: Settings) -> None:
    """Returns when the gateway was asked to stop and has done so. Raises UserError."""
    _spare_collector()
    outer = listener(settings.host, settings.port, "--port")
    ports = Ports(outer, listener(settings.host, settings.inner_port, "--inner-port"))
    allow_files(settings.bounds.connections)
    journal = Journal(settings.records)
    if journal.cut is not None:
        _LOG.warning("the journal ended with %d bytes that are no record; they are gone", journal.cut.size)
    # What is there by now stays to the end. Each time that it is looked through, every stream would have to wait.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, ports, journal))
    finally:
        journal.close()


def _spare_collector() -> None:
    """What was imported stays, and need not be looked through again and again while calls wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)


async def _run(settings: Settings, ports: Ports, journal: Journal) -> None:
    await _Process(settings, journal).run(ports)


class _Process:
    """Everything here runs in the thread of the event loop, but for what says otherwise."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._state = State()
        self._metrics = Metrics(self._look)
        self._holds = MemoryHolds()
        self._room = WaitingRoom(self._holds, time.monotonic_ns, settings.patience)
        self._carrier = Carrier(
            journal,
            self._metrics,
            settings.on_records_failure,
            provider_networks=opened(settings.provider_networks),
        )
        self._log = AccessLog(_STDOUT)
        self._asked: asyncio.Future[signal.Signals] = self._loop.create_future()
        self._server: Server | None = None
        self._state.listen(self._heard)

    async def run(self, ports: Ports) -> None:
        source = self._source()
        source.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ask, number)
        doors = Doors(self._settings.bounds, self._metrics.cut)
        inner = server_of(Health(self._state, self._metrics), doors)
        outer = self._server = server_of(Application(self._desk()), doors)
        serving = [
            asyncio.create_task(inner.serve(sockets=[ports.inner])),
            asyncio.create_task(outer.serve(sockets=[ports.outer])),
        ]
        self._expire()
        self._greet(ports)
        try:
            ends: list[asyncio.Future[Any]] = [self._asked, *serving]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._asked.done():
                await self._drain(outer, self._asked.result())
        finally:
            await source.stop()
            # Answers that are complete still reach those who read them.
            outer.should_exit = inner.should_exit = True
            await asyncio.gather(*serving)
            await self._carrier.close()
            self._log.close(time.time())

    def _source(self) -> Source:
        routing, metrics = self._settings.routing, self._metrics
        if isinstance(routing, Path):
            return RoutingFile(routing, self._hear, self._metrics_from_elsewhere)
        house = House(
            compile=self._compile,
            serve=self._state.serve_by,
            refused=metrics.routing_refused,
            reconnects=metrics.reconnects,
            load=metrics.calls.load,
        )
        line = OperatorLine(routing, house)
        metrics.follows(lambda: line.connected, lambda: line.age)
        return line

    def _desk(self) -> Desk:
        settings = self._settings
        return Desk(
            auth=settings.auth,
            body_seconds=settings.bounds.body,
            state=self._state,
            intake=Intake(settings.body_bytes),
            admission=Admission(self._room, time.monotonic_ns, self._metrics),
            carry=self._carrier.carry,
            metrics=self._metrics,
            log=self._log.write,
        )

    def _greet(self, ports: Ports) -> None:
        told = {"port": ports.outer.getsockname()[1], "inner_port": ports.inner.getsockname()[1]}
        _LOG.info(
            "listening on port %(port)d, and on %(inner_port)d for those who run it", told, extra={"fields": told}
        )
        if self._settings.auth is Auth.NONE:
            _LOG.warning("no keys are asked for: whoever reaches port %d may call every model", told["port"])

    async def _drain(self, server: Server, number: signal.Signals) -> None:
        """Not ready first, then nobody new, then whoever is left is told that it is over."""
        state, drain = self._state, self._settings.drain
        state.phase = Phase.LEAVING
        _LOG.info("asked to stop by %s: %d calls are inside", number.name, len(state.inside))
        if number is signal.SIGTERM:
            await asyncio.sleep(drain.goodbye)
        state.phase = Phase.DRAINING
        server.stop_listening()
        server.say_goodbye()
        await self._until_empty(drain.finish)
        if ended := state.end_all():
            _LOG.warning("%d calls are ended, as they took longer than %g s", ended, drain.finish)
            await self._until_empty(_LAST_WORDS_SECONDS)

    async def _until_empty(self, seconds: float) -> None:
        deadline = self._loop.time() + seconds
        while self._state.inside and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    def _ask(self, number: signal.Signals) -> None:
        if not self._asked.done():
            self._asked.set_result(number)

    def _heard(self, document: Document) -> None:
        self._holds.share_with(document.gateways)
        self._room.look()
        self._carrier.heard(document)
        _LOG.info("serving by routing document %d.%d", document.version.epoch, document.version.sequence)

    def _expire(self) -> None:
        for request in self._room.expire():
            _LOG.error("request %s was never settled", request)
        self._loop.call_later(_EXPIRE_SECONDS, self._expire)

    def _look(self) -> Seen | None:
        if self._state.routes is None or self._server is None:
            return None
        document = self._state.routes.document
        return Seen(
            connections=len(self._server.server_state.connections),
            epoch=document.version.epoch,
            sequence=document.version.sequence,
            models=len(document.models),
            keys=len(document.keys),
            written=self._journal.written,
            synced=self._journal.synced,
            teams=teams_left(self._holds, document, time.monotonic_ns()),
        )

    # Also in other threads.

    def _compile(self, document: Document) -> Routes:
        return routes_of(document, self._settings.auth)

    def _hear(self, document: Document) -> None:
        self._loop.call_soon_threadsafe(self._state.serve_by, self._compile(document))

    def _metrics_from_elsewhere(self, reason: str) -> None:
        self._loop.call_soon_threadsafe(self._metrics.routing_refused, reason)


def teams_left(holds: MemoryHolds, document: Document, now: int) -> dict[tuple[str, str], float]:
    """Of this gateway's part."""
    limited = [Limited(Scope(Kind.TEAM, team), limits) for team, limits in document.teams.items()]
    return {
        (found.counter.scope.name, found.counter.measure): found.left * document.gateways / found.limit
        for found in holds.left(limited, now)
        if found.limit
    }
