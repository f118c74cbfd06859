"""What the gateway tells whoever measures it. Tokens are counted from records only, and by nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client import Gauge as LookedAt
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from plimsoll.cost.record import CountSource, Record, Tokens
from plimsoll.gateway.counts import Counter, Gauge, Histogram
from plimsoll.gateway.ended import Ended
from plimsoll.gateway.load import Calls

_LOG = logging.getLogger(__name__)
# Those of OpenTelemetry's conventions for generative AI.
_SECONDS = tuple(0.01 * 2**n for n in range(14))
_OVERHEAD = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
_EACH_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TOKENS = tuple(4**n for n in range(1, 12))
# What nobody has counted exactly.
_INEXACT = frozenset((CountSource.COUNTED, CountSource.ESTIMATED))
_NO_TOKENS = Tokens()
_MODELS, _TEAMS = 100, 200
OTHER = "other"
_CLASSES = ("input_text", "input_cached", "cache_write", "output_text", "output_reasoning")
_TYPES = dict(zip(_CLASSES, ("input", "cached_input", "cache_write", "output", "reasoning"), strict=True))


class Names:
    """Values of a label: so many, and one for all that come later. The journal has every name."""

    def __init__(self, label: str, most: int) -> None:
        self._label = label
        self._most = most
        self._known: set[str] = set()

    def known(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) < self._most:
            self._known.add(name)
            return name
        if len(self._known) == self._most:
            self._known.add(OTHER)
            _LOG.warning("metrics tell %d values of %s, and all others as %s", self._most, self._label, OTHER)
        return OTHER


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked at only when somebody asks."""

    connections: int
    epoch: int
    sequence: int
    models: int
    keys: int
    # Of the journal.
    written: int
    synced: int
    # By team and measure: what is left of its limit, as a part of it.
    teams: dict[tuple[str, str], float]


_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)


class Metrics:
    def __init__(self, look: Callable[[], Seen | None]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._models, self._teams = Names("model", _MODELS), Names("team", _TEAMS)
        self.registry.register(_Looked(look, self._teams))
        self._requests = self._counter("requests", "Answered requests.", "model", "team", "operation", "code")
        self._duration = self._histogram(
            "request_duration_seconds", "From the head of a request to the end.", _SECONDS, "model", "operation"
        )
        self._first = self._histogram(
            "time_to_first_token_seconds", "From the head of a request to its first token.", _SECONDS, "model"
        )
        self._each = self._histogram(
            "time_per_output_token_seconds", "Between tokens, after the first.", _EACH_TOKEN, "model"
        )
        self._overhead = self._histogram(
            "gateway_overhead_seconds", "Of answers in one piece: what backend and limits did not take.",
            _OVERHEAD, "operation",
        )  # fmt: skip
        self._tokens = self._counter("tokens", "Tokens, each in one class.", "model", "team", "type")
        self._sizes = self._histogram("request_tokens", "Tokens of one attempt.", _TOKENS, "model", "direction")
        self._inexact = self._counter("usage_inexact", "Records whose tokens no backend told.", "model", "source")
        self._mismatches = self._counter("usage_mismatch", "Usage that cannot be right.", "model")
        self._attempts = self._counter("upstream_attempts", "Requests to backends.", "model", "provider", "outcome")
        self._rejected = self._counter("rejected", "Requests over a limit.", "team", "reason")
        self._unsupported = self._counter(
            "unsupported_parameters", "Parameters that were left out.", "model", "parameter"
        )
        self._inflight = self._gauge("inflight_requests", "Requests inside.", "model")
        self._depth = self._gauge("queue_depth", "Requests that wait for a limit.", "model")
        self._waits = self._histogram("queue_wait_seconds", "Of requests that waited for a limit.", _SECONDS, "model")
        self._drained = self._counter("gateway_drained", "Answers ended because this gateway ends.", "model")
        self._cuts = self._counter("gateway_connections_cut", "Connections that ended early.", "reason")
        self._routing = self._counter("gateway_routing_refused", "Routing documents that were not used.", "reason")
        self._reconnects = self._counter(
            "gateway_operator_reconnects", "Calls to the operator that failed or ended.", "reason"
        )
        # What the operator hears of, by every name.
        self.calls = Calls()

    # Calls.

    def entered(self, model: str) -> None:
        self.calls.entered(model)
        self._inflight.add((self._models.known(model),))

    def left(self, model: str) -> None:
        self.calls.left(model)
        self._inflight.add((self._models.known(model),), -1)

    def ended(self, ended: Ended) -> None:
        model, operation = self._models.known(ended.model), ended.operation
        self._requests.add((model, self._teams.known(ended.team), operation, ended.code))
        self._duration.observe((model, operation), ended.seconds)
        if (first := ended.first_token_seconds) is not None:
            self._first.observe((model,), first)
        if (each := ended.each_token_seconds) is not None:
            self._each.observe((model,), each)
        if (overhead := ended.overhead_seconds) is not None:
            self._overhead.observe((operation,), overhead)
        if ended.drained:
            self._drained.add((model,))

    def recorded(self, record: Record) -> None:
        model = self._models.known(f"{record.namespace}/{record.model}")
        self._attempts.add((model, record.backend, record.outcome))
        if record.source in _INEXACT:
            self._inexact.add((model, record.source))
        if record.tokens != _NO_TOKENS:
            self._count(model, self._teams.known(record.team), record.tokens)

    def mismatch(self, model: str) -> None:
        """What a backend says it used fits neither itself nor what was seen."""
        self._mismatches.add((self._models.known(model),))

    # Policy and limits.

    def unsupported(self, model: str, parameter: str) -> None:
        self._unsupported.add((self._models.known(model), parameter))

    def rejected(self, team: str, reason: str) -> None:
        self._rejected.add((self._teams.known(team), reason))

    def waits(self, model: str) -> None:
        self.calls.waits(model)
        self._depth.add((self._models.known(model),))

    def waited(self, model: str, seconds: float) -> None:
        self.calls.waited(model)
        labels = (self._models.known(model),)
        self._depth.add(labels, -1)
        self._waits.observe(labels, seconds)

    # The gateway itself.

    def cut(self, reason: str) -> None:
        self._cuts.add((reason,))

    def routing_refused(self, reason: str) -> None:
        self._routing.add((reason,))

    def follows(self, connected: Callable[[], bool], age: Callable[[], float]) -> None:
        """An operator, and no file."""
        gauges = (
            ("connected", "Whether the operator is followed now.", connected),
            ("last_word_age_seconds", "Since the operator gave its last sign of life.", age),
        )
        for name, meaning, look in gauges:
            LookedAt(f"plimsoll_gateway_operator_{name}", meaning, registry=self.registry).set_function(look)

    def reconnects(self, reason: str) -> None:
        self._reconnects.add((reason,))

    def exposition(self) -> tuple[bytes, bytes]:
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self.registry)

    def _count(self, model: str, team: str, tokens: Tokens) -> None:
        for name, kind in _TYPES.items():
            if count := getattr(tokens, name):
                self._tokens.add((model, team, kind), count)
        self._sizes.observe((model, "input"), tokens.prompt)
        self._sizes.observe((model, "output"), tokens.completion)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return self._registered(Counter(f"plimsoll_{name}", meaning, *labels))

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return self._registered(Gauge(f"plimsoll_{name}", meaning, *labels))

    def _histogram(self, name: str, meaning: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        return self._registered(Histogram(f"plimsoll_{name}", meaning, bounds, *labels))

    def _registered(self, family: _Kind) -> _Kind:
        self.registry.register(family)
        return family


class _Looked(Collector):
    def __init__(self, look: Callable[[], Seen | None], teams: Names) -> None:
        self._look = look
        self._teams = teams

    def collect(self) -> Iterator[Metric]:
        seen = self._look()
        if seen is None:
            return
        gauges = {
            "gateway_connections": ("Connections of clients.", seen.connections),
            "gateway_routing_epoch": ("Of the routing document that is served by.", seen.epoch),
            "gateway_routing_sequence": ("Of the routing document that is served by.", seen.sequence),
            "gateway_routing_models": ("Models in it.", seen.models),
            "gateway_routing_keys": ("Hashes of keys in it.", seen.keys),
            "ledger_queue": ("Records that a loss of power would take.", seen.written - seen.synced),
        }
        for name, (meaning, value) in gauges.items():
            yield GaugeMetricFamily(f"plimsoll_{name}", meaning, value)
        yield CounterMetricFamily("plimsoll_ledger_rows", "Records in the journal, ever.", seen.written)
        ratio = GaugeMetricFamily(
            "plimsoll_rate_limit_remaining_ratio", "What is left of a team's limit here.", labels=["team", "kind"]
        )
        for (team, measure), left in seen.teams.items():
            ratio.add_metric([self._teams.known(team), measure], left)
        yield ratio
