"""What is heard goes into the mirror, and its key into the queue if it is news; what users declare comes first."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import MODEL_CONFIG, POD, Kind, Object
from plimsoll.cluster.watching import Identity
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.mirror import Mirror, key_of
from plimsoll.controller.queue import KeyedQueue

_log = logging.getLogger(__name__)

DELETED = "DELETED"


@dataclass(frozen=True)
class Ears:
    mirror: Mirror
    queue: KeyedQueue
    metrics: Metrics
    # Where pods of models run.
    nodes: set[str]

    def told(self, kind: Kind, what: str, about: Object) -> None:
        # Items of a list do not say what they are, and neither do those of some watches.
        about.update(apiVersion=kind.api_version, kind=kind.name)
        key = key_of(about)
        declared = self.mirror.declared(key)
        news = self.mirror.remove(about) if what == DELETED else self.mirror.put(about)
        if kind == POD and (address := about.get("status", {}).get("hostIP")):
            self.nodes.add(address)
        if self.mirror.declared(key) != declared:
            self.queue.add(key)
        elif news:
            self.queue.notice(key)

    def complete(self, kind: Kind, namespace: str | None, there: AbstractSet[Identity], version: str) -> None:
        for key in self.mirror.complete(kind, namespace, there, version):
            self.queue.notice(key)
        self.alive(kind)

    async def list_configs(self, client: Client, namespace: str | None) -> None:
        """What kopf has not told, or not yet."""
        there: set[Identity] = set()
        version = "0"
        async for page, at in client.pages(MODEL_CONFIG, namespace):
            version = at
            for each in page:
                there.add((each["metadata"]["namespace"], each["metadata"]["name"]))
                self.told(MODEL_CONFIG, "LISTED", each)
        self.complete(MODEL_CONFIG, namespace, there, version)

    def alive(self, kind: Kind) -> None:
        self.metrics.last_event.labels(kind.name).set_to_current_time()

    def deaf(self, kind: Kind, error: ClusterError) -> None:
        self.metrics.watch_errors.labels(kind.name, type(error).__name__).inc()
