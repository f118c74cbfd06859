"""What is counted without locks reads as if the usual client had counted it."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from plimsoll.gateway.counts import Counter, Gauge, Histogram

_BOUNDS = (0.01, 0.5, 1.0, 20.0)
# Also on a border, beyond all of them, and below the first.
_SEEN = (0.0, 0.01, 0.011, 0.5, 1.0, 1.5, 20.0, 21.0, 4000.0)


def lines(registry: CollectorRegistry) -> list[str]:
    """Without the moment at which each began, which nobody reads."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples if not sample.name.endswith("_created")]
    return sorted(f"{each.name} {sorted(each.labels.items())} {each.value}" for each in samples)


def test_every_kind_reads_like_that_of_the_usual_client() -> None:
    ours, usual = CollectorRegistry(), CollectorRegistry()
    counter = Counter("a_calls", "Calls.", "model", "team")
    gauge = Gauge("a_running", "Running.", "model")
    histogram = Histogram("a_seconds", "Seconds.", _BOUNDS, "model")
    for each in (counter, gauge, histogram):
        ours.register(each)
    calls = prometheus_client.Counter("a_calls", "Calls.", ["model", "team"], registry=usual)
    running = prometheus_client.Gauge("a_running", "Running.", ["model"], registry=usual)
    seconds = prometheus_client.Histogram("a_seconds", "Seconds.", ["model"], buckets=_BOUNDS, registry=usual)
    for number, model in enumerate(("x", "y", "x", 'quoted "\\\n')):
        counter.add((model, "t"), number)
        calls.labels(model, "t").inc(number)
        gauge.add((model,), 2 - number)
        running.labels(model).inc(2 - number)
        for value in _SEEN[number:]:
            histogram.observe((model,), value)
            seconds.labels(model).observe(value)
    assert lines(ours) == lines(usual)


def test_what_was_never_counted_has_no_line() -> None:
    registry = CollectorRegistry()
    for each in (Counter("a_calls", "Calls.", "model"), Histogram("a_seconds", "Seconds.", _BOUNDS, "model")):
        registry.register(each)
    assert lines(registry) == []
