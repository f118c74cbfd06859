"""Keeps the routing document current: what changed is compiled anew, and the rest is the very same as before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.teams import Team
from plimsoll.controller.key_store import KeyStore
from plimsoll.controller.model_routes import ModelRoutes
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.plan.observed import Key
from plimsoll.routing.compiling import House, compile_document
from plimsoll.routing.document import Document, Version

# What comes within this time is one version: a Deployment and its pods say most things several times.
_PAUSE = 0.05
_KEYS_AT_ONCE = 100
_LOOK_AT_PROVIDERS = 10.0


class News:
    """What was heard of since the document was last compiled."""

    def __init__(self) -> None:
        self.models: set[Key] = set()
        self.count = 0
        self._some = asyncio.Event()

    def of_model(self, key: Key) -> None:
        self.models.add(key)
        self.of_anything()

    def of_anything(self) -> None:
        self.count += 1
        self._some.set()

    async def wait(self) -> None:
        await self._some.wait()
        await asyncio.sleep(_PAUSE)
        self._some.clear()


@dataclass
class Routing:
    news: News
    models: ModelRoutes
    keys: KeyStore
    gateways: Callable[[], int]
    configuration: Callable[[], OperatorConfiguration]
    # How often the lease has changed hands.
    epoch: int
    # Of keys whose status may have to be told anew.
    statuses: KeyedQueue
    table: RoutingTable = field(default_factory=RoutingTable)
    _teams: Sequence[Team] = ()
    # How much of the news is in the table; the event is another one after each round.
    _told: int = 0
    _round: asyncio.Event = field(default_factory=asyncio.Event)

    async def up_to_now(self) -> Version | None:
        """Of the document that has all that was heard before this call, as soon as it does; None before the first."""
        heard = self.news.count
        while self.table.current is not None and self._told < heard:
            await self._round.wait()
        return self.table.current.version if self.table.current else None

    async def run(self) -> None:
        """For ever; only after everything was listed once, because what is missing in a document is refused."""
        self.news.of_anything()
        while True:
            await self.news.wait()
            heard = self.news.count
            await self.models.compile()
            concerned = await self._settled()
            self.table.put(self._document())
            self._end_round(heard)
            for key in concerned:
                self.statuses.add(key)

    async def follow_providers(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_PROVIDERS)
            if await self.models.look_at_providers():
                self.news.of_anything()

    def _end_round(self, heard: int) -> None:
        self._told = heard
        self._round.set()
        self._round = asyncio.Event()

    async def _settled(self) -> set[Key]:
        """Of which keys something else may be true now; others get their turn in between."""
        teams, concerned = self.configuration().teams, set[Key]()
        if teams != self._teams:
            self._teams = teams
            self.keys.touch_all()
        while not self.keys.is_settled:
            concerned |= self.keys.settle(self._teams, _KEYS_AT_ONCE)
            await asyncio.sleep(0)
        return concerned

    def _document(self) -> Document:
        before = self.table.current
        version = before.version.next() if before else Version(epoch=self.epoch, sequence=1)
        house = House(self._teams, self.gateways())
        return compile_document(self.models.models.values(), self.keys.claims, house, version)
