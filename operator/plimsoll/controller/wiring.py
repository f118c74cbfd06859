"""Which part knows which: everything that one leading process is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from plimsoll.api import names
from plimsoll.cluster.client import Client, Verb
from plimsoll.cluster.events import EventRecorder
from plimsoll.cluster.kinds import Kind
from plimsoll.cluster.login import Login
from plimsoll.cluster.watching import Watch
from plimsoll.controller.acting import Actor
from plimsoll.controller.announcing import Announcing
from plimsoll.controller.background import Background
from plimsoll.controller.configuration_file import ConfigurationFile
from plimsoll.controller.ears import Ears
from plimsoll.controller.image_volumes import ImageVolumes
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.notes import Notes
from plimsoll.controller.observing import OF_A_MODEL, Observer
from plimsoll.controller.outside import OutsideObjects
from plimsoll.controller.proving import Prover
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.reconcile import MakePlan, Reconciler
from plimsoll.controller.routing import News
from plimsoll.controller.sources import Sources
from plimsoll.controller.working import Crew
from plimsoll.weights.reading import SourceReader


@dataclass(frozen=True)
class Parts:
    client: Client
    mirror: Mirror
    queue: KeyedQueue
    notes: Notes
    ears: Ears
    crew: Crew
    events: EventRecorder
    prover: Prover
    background: Background
    configuration: ConfigurationFile
    metrics: Metrics
    outside: OutsideObjects
    news: News
    announcing: Announcing

    def watches(self, namespaces: Sequence[str]) -> list[Watch]:
        """One for each kind, in one namespace each or in all of them."""
        places: Sequence[str | None] = namespaces or [None]
        return [
            Watch(self.client, kind, place, names.LABEL_MODELCONFIG, self.ears)
            for place in places
            for kind in OF_A_MODEL
        ]


@asynccontextmanager
async def wired(
    login: Login,
    may_write: Callable[[], float],
    make_plan: MakePlan,
    configuration: ConfigurationFile,
    metrics: Metrics,
) -> AsyncIterator[Parts]:
    def written(kind: Kind, verb: Verb, result: str) -> None:
        metrics.writes.labels(kind.name, verb, result).inc()

    async with login.session() as session, aiohttp.ClientSession() as pods:
        background, reader = Background(), SourceReader()
        client = Client(session, login.server, may_write, written)
        news = News()
        mirror, queue, notes, outside = Mirror(news.of_model), KeyedQueue(), Notes(), OutsideObjects(client)
        events = EventRecorder(client, login.namespace)
        sources = Sources(reader, background, queue.add)
        prover = Prover(pods, background, queue.add)
        observer = Observer(client, mirror, outside, ImageVolumes(client), sources, prover, notes)
        announcing = Announcing()
        actor = Actor(client, mirror, events, announcing.announce)
        reconciler = Reconciler(observer, make_plan, actor, notes, lambda: configuration.current)
        crew = Crew(queue, reconciler, notes, metrics)
        ears = Ears(mirror, queue, metrics, sources.nodes)
        metrics.watch("queue_depth", "Keys that wait for a pass.", lambda: queue.depth)
        metrics.watch("queue_oldest_seconds", "How long the first of them has been waiting.", lambda: queue.oldest)
        metrics.watch("queue_busy", "Keys that are being worked on.", lambda: queue.busy)
        metrics.watch("mirror_objects", "Objects that are kept in memory.", lambda: mirror.size)
        metrics.watch("tasks", "Work that is under way or waits, of any kind.", lambda: len(asyncio.all_tasks()))
        keepers = (queue, notes, sources, prover)
        metrics.watch(
            "remembered", "What is kept about models beside their objects.", lambda: sum(each.known for each in keepers)
        )
        metrics.watch("configuration_generation", "How often it was loaded.", lambda: configuration.generation)
        metrics.watch("configuration_valid", "0 while the file cannot be used.", lambda: float(configuration.valid))
        try:
            yield Parts(
                *(client, mirror, queue, notes, ears, crew, events, prover, background, configuration, metrics),
                outside=outside,
                news=news,
                announcing=announcing,
            )
        finally:
            await background.close()
            await reader.close()
