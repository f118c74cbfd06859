"""What the operator counts about its own work."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_PREFIX = "plimsoll_operator"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    CONTENT_TYPE = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconciles = self._counter("reconcile_total", "Passes by how they ended.", "result")
        self.seconds = Histogram(
            f"{_PREFIX}_reconcile_duration_seconds",
            "How long passes take.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.writes = self._counter("writes_total", "Writes to the API server.", "kind", "verb", "result")
        self.last_event = self._gauge("watch_last_event_timestamp_seconds", "When a watch last said anything.", "kind")
        self.watch_errors = self._counter("watch_errors_total", "Watches that had to begin again.", "kind", "error")
        self.refused = self._counter("gateway_refusals_total", "Gateways that were turned away.", "status")

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when somebody looks."""
        self._gauge(name, meaning).set_function(value)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", meaning, labels, registry=self.registry)
