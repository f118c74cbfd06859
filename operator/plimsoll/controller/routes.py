"""What is heard of keys, models and gateways becomes the routing document: the operator's part of every call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.cluster.kinds import MODEL_KEY, POD
from plimsoll.cluster.watching import Watch
from plimsoll.controller.hearing import GATEWAYS, GatewayEars, KeyEars
from plimsoll.controller.key_statuses import KeyStatuses
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.model_routes import ModelRoutes
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.routing import Routing
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.controller.wiring import Parts
from plimsoll.routing.document import Document, Version

_log = logging.getLogger(__name__)


class Routes:
    """`home` is the operator's own namespace, where gateways run; `epoch` counts how often the lease changed hands."""

    def __init__(self, parts: Parts, namespaces: Sequence[str], home: str, epoch: int) -> None:
        news = parts.news
        places: Sequence[str | None] = namespaces or [None]

        def configuration() -> OperatorConfiguration:
            return parts.configuration.current

        keys = KeyEars(parts.metrics, news.of_anything)
        gateways = GatewayEars(parts.metrics, news.of_anything)
        models = ModelRoutes(parts.mirror, parts.outside, configuration, news.models)
        queue = KeyedQueue()
        self.watches = [
            *(Watch(parts.client, MODEL_KEY, place, "", keys) for place in places),
            Watch(parts.client, POD, home, GATEWAYS, gateways),
        ]
        self._statuses = KeyStatuses(parts.client, keys.keys, queue, lambda: datetime.now(UTC))
        self._routing = Routing(news, models, keys.keys, lambda: gateways.count, configuration, epoch, queue)
        self._news = news
        self._show(parts.metrics)

    @property
    def table(self) -> RoutingTable:
        return self._routing.table

    async def up_to_now(self) -> Version | None:
        """Of the document that has all that was heard before this call, as soon as it does; None before the first."""
        return await self._routing.up_to_now()

    async def run(self) -> None:
        """As soon as everything was listed once, until it is cancelled."""
        for watch in self.watches:
            await watch.listed.wait()
        _log.info("%s ModelKeys are known", self._routing.keys.size)
        async with asyncio.TaskGroup() as group:
            for work in (self._routing.run(), self._routing.follow_providers(), *self._statuses.workers()):
                group.create_task(work)

    def configured(self) -> None:
        """Another configuration is in force."""
        self._news.of_anything()

    async def drain(self) -> None:
        """Statuses that are being written are written; no others."""
        await self._statuses.queue.drain()

    def _show(self, metrics: Metrics) -> None:
        keys, queue = self._routing.keys, self._statuses.queue

        def told(read: Callable[[Document], int]) -> Callable[[], float]:
            return lambda: float(read(self.table.current)) if self.table.current else 0.0

        for name, meaning, value in (
            ("routing_epoch", "Of the routing document.", told(lambda document: document.version.epoch)),
            ("routing_sequence", "Of the routing document; 0 without one.", told(lambda each: each.version.sequence)),
            ("routing_models", "Models in the routing document.", told(lambda document: len(document.models))),
            ("routing_keys", "Hashes in it that open something.", told(lambda document: len(document.keys))),
            ("routing_gateways", "How many gateways share each limit.", told(lambda document: document.gateways)),
            ("keys", "ModelKeys that are known.", lambda: float(keys.size)),
            (
                "keys_refused",
                "ModelKeys that open nothing, and say why.",
                lambda: float(keys.refused),
            ),
            ("key_statuses_waiting", "ModelKeys whose status may be told anew.", lambda: float(queue.depth)),
        ):
            metrics.watch(name, meaning, value)
