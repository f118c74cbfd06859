"""What is heard beside models: the keys of callers, and how many gateways there are."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import Kind, Object
from plimsoll.cluster.watching import Identity
from plimsoll.controller.ears import DELETED
from plimsoll.controller.heard_key import key_of
from plimsoll.controller.key_store import KeyStore
from plimsoll.controller.metrics import Metrics
from plimsoll.plan.pod_state import phase
from plimsoll.plan.world import ENDED

# The pods of gateways, in the operator's own namespace.
GATEWAYS = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=gateway"


@dataclass(frozen=True)
class _Hearing:
    """`news` is called when something changed."""

    metrics: Metrics
    news: Callable[[], None]
    # In the metrics of watches.
    label: str = ""

    def alive(self, _: Kind) -> None:
        self.metrics.last_event.labels(self.label).set_to_current_time()

    def deaf(self, _: Kind, error: ClusterError) -> None:
        self.metrics.watch_errors.labels(self.label, type(error).__name__).inc()


@dataclass(frozen=True)
class KeyEars(_Hearing):
    label: str = "ModelKey"
    keys: KeyStore = field(default_factory=KeyStore)

    def told(self, kind: Kind, what: str, about: Object) -> None:
        about.update(apiVersion=kind.api_version, kind=kind.name)
        if self.keys.remove(key_of(about)) if what == DELETED else self.keys.put(about):
            self.news()

    def complete(self, kind: Kind, namespace: str | None, there: AbstractSet[Identity], version: str) -> None:
        if self.keys.complete(namespace, there, version):
            self.news()
        self.alive(kind)


@dataclass(frozen=True)
class GatewayEars(_Hearing):
    """One that is ending counts: it still lets calls through."""

    label: str = "GatewayPod"
    running: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return max(1, len(self.running))

    def told(self, _: Kind, what: str, about: Object) -> None:
        before, name = self.count, about["metadata"]["name"]
        if what == DELETED or phase(about) in ENDED:
            self.running.discard(name)
        else:
            self.running.add(name)
        self._tell(before)

    def complete(self, kind: Kind, _: str | None, there: AbstractSet[Identity], _version: str) -> None:
        before = self.count
        self.running.intersection_update(name for _, name in there)
        self._tell(before)
        self.alive(kind)

    def _tell(self, before: int) -> None:
        if self.count != before:
            self.news()
