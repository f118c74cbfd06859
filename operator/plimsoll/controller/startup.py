"""The process `plimsoll operator`, from its first look at the configuration to its last pass."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from plimsoll.cluster.client import Client, always
from plimsoll.cluster.errors import ClusterError, NotFound
from plimsoll.cluster.events import Said
from plimsoll.cluster.lease import Lease, Place, Terms
from plimsoll.cluster.login import Login, log_in
from plimsoll.cluster.patience import Patience
from plimsoll.controller.configuration_file import ConfigurationFile
from plimsoll.controller.feed import Door
from plimsoll.controller.feeding import Feeding
from plimsoll.controller.handlers import listen
from plimsoll.controller.health import Health, served
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.options import Options
from plimsoll.controller.reconcile import MakePlan
from plimsoll.controller.routes import Routes
from plimsoll.controller.wiring import Parts, wired
from plimsoll.errors import UserError
from plimsoll.plan.deciding import make_plan

_log = logging.getLogger(__name__)

LEASE_NAME = "plimsoll-operator"
_DRAIN_SECONDS = 30.0
_ASK_AGAIN = 2.0
_STUCK_AFTER = 60.0
_KOPF = "kopf"


async def run(options: Options, plan_with: MakePlan = make_plan) -> None:
    """Until a signal ends it; raises what else does."""
    configuration = ConfigurationFile(options.configuration)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics, health = Metrics(), Health(options.resync)
    login = await log_in(options.kubeconfig, options.context)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(health, metrics, options.ports))
        lease = await _lease(options, login, stack) if options.lease else None
        if lease and not await _until(stop, lease.acquire()):
            return
        _log.info("this process leads")
        metrics.watch("leader", "1 while this process holds the lease, or needs none.", lambda: _leads(lease))
        health.began()
        may_write = lease.may_write if lease else always
        parts = await stack.enter_async_context(wired(login, may_write, plan_with, configuration, metrics))
        operator = Operator(options, login, parts, health, lease)
        await operator.run(stop)


class Operator:
    """The leading process: what it hears, works on and renews."""

    def __init__(self, options: Options, login: Login, parts: Parts, health: Health, lease: Lease | None) -> None:
        self._options = options
        self._login = login
        self._parts = parts
        self._health = health
        self._lease = lease
        home = options.lease_namespace or login.namespace
        self._routes = Routes(parts, options.namespaces, home, lease.epoch if lease else 0)
        self._feeding = self._fed(home) if options.feed_port else None
        self._tasks: list[asyncio.Task[Any]] = []

    async def run(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                if self._lease:
                    self._begin(group, self._lease.keep(), "lease")
                if self._feeding:
                    self._begin(group, self._feeding.run(), "feed")
                self._begin(group, self._work(group, stop), "work")
                await stop.wait()
                _log.info("stopping: what runs is finished, and nothing new begins")
                await self._wind_up()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    def _fed(self, home: str) -> Feeding:
        may_serve = self._lease.may_write if self._lease else always
        door = Door(self._options.ports.host, self._options.feed_port)
        feeding = Feeding(self._parts.client, home, self._routes.table, may_serve, door)
        feeding.show(self._parts.metrics)
        self._parts.announcing.through(self._routes.up_to_now, feeding.served)
        return feeding

    async def _work(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Hears of everything once before the first pass: what is not known by then is not there."""
        parts, namespaces = self._parts, self._options.namespaces
        watches = parts.watches(namespaces)
        for watch in (*watches, *self._routes.watches):
            self._begin(group, watch.run(), f"watch {watch.kind.plural}")
        while True:
            if await self._list_configs():
                break
            await asyncio.sleep(_ASK_AGAIN)
        for watch in watches:
            await watch.listed.wait()
        self._health.primed = True
        _log.info("%s ModelConfigs are known", len(parts.mirror.keys()))
        self._begin(group, parts.configuration.follow(self._everything_again, self._complain), "configuration")
        self._begin(group, self._resync(), "resync")
        self._begin(group, self._routes.run(), "routes")
        for work in parts.crew.workers():
            self._begin(group, work, "worker")
        self._begin(group, listen(parts.ears, self._login, namespaces, stop), _KOPF)

    async def _list_configs(self) -> bool:
        """Whether all are known now. They may not be defined yet: manifests are applied in any order."""
        try:
            for place in self._options.namespaces or [None]:
                await self._parts.ears.list_configs(self._parts.client, place)
        except NotFound:
            _log.warning("this cluster does not serve ModelConfigs yet: apply Plimsoll's CRDs")
        except ClusterError as error:
            _log.error("ModelConfigs cannot be listed: %s; %s", error.message, error.fix)
        else:
            return True
        return False

    async def _resync(self) -> None:
        """All that is known in turn, read from the API server, and what is not known: an event may have been lost."""
        parts, period = self._parts, self._options.resync
        while True:
            keys = parts.mirror.families()
            for key in keys:
                await asyncio.sleep(period / len(keys))
                parts.notes.of(key).look_again = True
                parts.queue.notice(key)
            if not keys:
                await asyncio.sleep(period)
            await self._list_configs()
            if parts.queue.oldest < _STUCK_AFTER:
                self._health.resynced()

    def _everything_again(self) -> None:
        self._parts.queue.add_all(self._parts.mirror.keys())
        self._routes.configured()

    async def _complain(self, error: UserError) -> None:
        """An Event on the Lease, as there is no other object that is ours."""
        if self._lease and self._lease.object:
            await self._parts.events.record(
                self._lease.object, Said("Warning", "BadConfiguration", f"{error.message}. {error.fix}")
            )

    async def _wind_up(self) -> None:
        if self._feeding:
            # At once: kopf ends by cancelling every task that was begun after it, and those of gateways are among them.
            await self._feeding.say_goodbye()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._parts.queue.drain()
                await self._routes.drain()
                # It ends by itself when `stop` is set, and tidies up after itself only then; it may not have begun yet.
                if kopf := [task for task in self._tasks if task.get_name() == _KOPF]:
                    await asyncio.wait(kopf)
        except TimeoutError:
            _log.warning("some passes did not end within %.0f s", _DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()

    def _begin(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, Any], name: str) -> None:
        self._tasks.append(group.create_task(work, name=name))


async def _lease(options: Options, login: Login, stack: AsyncExitStack) -> Lease:
    session = await stack.enter_async_context(login.session())
    terms = Terms()
    # Its own client: a lease cannot wait until a server that is away has been given its rest.
    client = Client(session, login.server, lambda: terms.renewal, patience=Patience(longest=1.0))
    identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
    lease = Lease(client, Place(options.lease_namespace or login.namespace, LEASE_NAME, identity), terms)
    stack.push_async_callback(lease.release)
    return lease


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done before somebody wanted the process to stop."""
    stopping, working = asyncio.create_task(stop.wait()), asyncio.create_task(work)
    await asyncio.wait([stopping, working], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, working):
        task.cancel()
    await asyncio.wait([stopping, working])
    if working.cancelled():
        return False
    working.result()
    return True


def _leads(lease: Lease | None) -> float:
    return float(lease is None or lease.leads)
