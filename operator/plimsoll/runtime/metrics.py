"""What the engine tells whoever measures it: counts of its thread, read when somebody looks, and times of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from plimsoll.runtime.http.answers import Answer
from plimsoll.runtime.requests import Finish
from plimsoll.runtime.statistics import Statistics

_PREFIX = "plimsoll_engine"
_FIRST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80)
_EACH_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)

Look = Callable[[], Statistics | None]


class Metrics:
    def __init__(self, look: Look, model: str) -> None:
        """`look` gives nothing as long as there is no engine."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Counts(look, model))
        self._first = Histogram(
            f"{_PREFIX}_time_to_first_token_seconds",
            "From the arrival of a request to its first token.",
            buckets=_FIRST_SECONDS,
            registry=self.registry,
        )
        self._each = Histogram(
            f"{_PREFIX}_time_per_output_token_seconds",
            "Mean time between the tokens of an answer, after the first one.",
            buckets=_EACH_SECONDS,
            registry=self.registry,
        )

    def answered(self, answer: Answer) -> None:
        if answer.first is None:
            return
        self._first.observe(answer.first - answer.began)
        more = 0 if answer.usage is None else answer.usage.completion_tokens - 1
        if more > 0 and answer.ended is not None:
            self._each.observe((answer.ended - answer.first) / more)

    def exposition(self) -> tuple[bytes, bytes]:
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self.registry)


class _Counts(Collector):
    def __init__(self, look: Look, model: str) -> None:
        self._look = look
        self._model = model

    def collect(self) -> Iterator[Metric]:
        seen = self._look()
        if seen is not None:
            yield from _own(seen)
            yield from _as_vllm(seen, self._model)


def _own(seen: Statistics) -> Iterator[Metric]:
    gauges: dict[str, tuple[str, float]] = {
        "slots": ("Requests that can be answered at the same time.", seen.slots),
        "slots_busy": ("Requests that are being answered.", seen.slots_busy),
        "waiting": ("Requests that wait for a slot.", seen.waiting),
        "kv_used_ratio": ("Share of the attention cache that holds tokens.", _kv_used(seen)),
        "decode_tokens_per_second": (
            "Tokens of answers by the time spent on them, since the start.",
            seen.decode_tokens / seen.decode_seconds if seen.decode_seconds else 0.0,
        ),
    }
    counters: dict[str, tuple[str, float]] = {
        "prompt_tokens": ("Tokens of prompts, reused ones included.", seen.prompt_tokens),
        "cached_tokens": ("Tokens of prompts that were reused.", seen.cached_tokens),
        "completion_tokens": ("Tokens of answers, also of those that were cut.", seen.completion_tokens),
        "decode_tokens": ("Tokens that came out of steps in which answers went on.", seen.decode_tokens),
        "decode_seconds": ("Time that these steps took.", seen.decode_seconds),
        "steps": ("Calls of llama_decode.", seen.steps),
        "library_seconds": ("Time inside llama.cpp.", seen.library_seconds),
        "busy_seconds": ("Time in which there was work.", seen.busy_seconds),
        "aborted": ("Answers that nobody waited for any more.", seen.finished.get(Finish.CANCELLED, 0)),
    }
    for name, (meaning, value) in gauges.items():
        yield GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value)
    for name, (meaning, value) in counters.items():
        yield CounterMetricFamily(f"{_PREFIX}_{name}", meaning, value)
    finished = CounterMetricFamily(f"{_PREFIX}_requests", "Answers by how they ended.", labels=["finish"])
    for finish in Finish:
        finished.add_metric([finish], seen.finished.get(finish, 0))
    yield finished


def _as_vllm(seen: Statistics, model: str) -> Iterator[Metric]:
    """Under vLLM's names, so that one dashboard and one rule for scaling fit both engines."""
    gauges = {
        "num_requests_running": seen.slots_busy,
        "num_requests_waiting": seen.waiting,
        "kv_cache_usage_perc": _kv_used(seen),
    }
    for name, value in gauges.items():
        gauge = GaugeMetricFamily(f"vllm:{name}", "As vLLM tells it.", labels=["model_name"])
        gauge.add_metric([model], value)
        yield gauge
    for name, total in (("prompt_tokens", seen.prompt_tokens), ("generation_tokens", seen.completion_tokens)):
        counter = CounterMetricFamily(f"vllm:{name}", "As vLLM tells it.", labels=["model_name"])
        counter.add_metric([model], total)
        yield counter


def _kv_used(seen: Statistics) -> float:
    return seen.cache_tokens_used / seen.cache_tokens if seen.cache_tokens else 0.0
