"""Numbers that the event loop counts and a scrape reads: alone in its thread, it needs no lock for each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class _Family(Collector, ABC):
    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        yield self._family()

    @abstractmethod
    def _family(self) -> Metric: ...


class Counter(_Family):
    """Only grows."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self._values: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1) -> None:
        self._values[labels] = self._values.get(labels, 0) + amount

    def _family(self) -> Metric:
        family = CounterMetricFamily(self._name, self._meaning, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return family


class Gauge(Counter):
    """Goes down as well, by adding less than nothing."""

    def _family(self) -> Metric:
        family = GaugeMetricFamily(self._name, self._meaning, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return family


class Histogram(_Family):
    """`bounds` in order; each is the largest value of its bucket, and what is larger than all has one of its own."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float], *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self._bounds = bounds
        self._words = [*map(floatToGoString, bounds), "+Inf"]
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, value: float) -> None:
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * len(self._words)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def _family(self) -> Metric:
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labels)
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(self._words, accumulate(counts), strict=True)), self._sums[labels])
        return family
