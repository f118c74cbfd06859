"""All that gateways have of the leading process: the server, its certificates, and the copy for when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plimsoll.cluster.client import Client
from plimsoll.controller.certificates import Certificates
from plimsoll.controller.copying import Copying
from plimsoll.controller.feed import Door, Feed
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.controller.token_reviews import TokenReviews
from plimsoll.routing.document import Version


class Feeding:
    """`home` is the operator's own namespace, and that of the gateways."""

    def __init__(
        self, client: Client, home: str, table: RoutingTable, may_serve: Callable[[], object], door: Door
    ) -> None:
        self._certificates = Certificates(client, home)
        self._copying = Copying(client, home, table)
        self._feed = Feed(table, self._certificates, TokenReviews(client, home), may_serve, door)

    async def run(self) -> None:
        """Until it is cancelled, and then as long as it takes to say goodbye."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._certificates.keep(), self._copying.run(), self._feed.run()):
                    group.create_task(work)
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def served(self, version: Version) -> None:
        """Returns when no gateway that has a line serves by an older document any more."""
        await self._feed.served(version)

    async def say_goodbye(self) -> None:
        await self._feed.say_goodbye()

    def show(self, metrics: Metrics) -> None:
        feed, copying = self._feed, self._copying

        def refused(status: int) -> None:
            metrics.refused.labels(str(status)).inc()

        feed.refused = refused
        for name, meaning, value in (
            ("gateways", "Gateways that have a line to this process.", lambda: feed.gateways),
            ("gateway_calls_running", "Calls in all of them.", lambda: sum(load.running for load in feed.loads)),
            ("gateway_calls_waiting", "Calls that wait there.", lambda: sum(load.waiting for load in feed.loads)),
            ("routing_copy_pieces", "Secrets that hold the copy for gateways.", lambda: copying.pieces),
            ("routing_copy_too_large", "1 while the document fits into no copy.", lambda: copying.too_large),
        ):
            metrics.watch(name, meaning, value)
