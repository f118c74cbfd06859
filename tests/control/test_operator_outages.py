"""An API server that is away, overloaded or out of its mind: the operator waits with patience and goes on by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.support.api_calls import every_call
from tests.support.api_faults import Answer, Reset, What
from tests.support.api_journal import Entry
from tests.support.bulk import bulk
from tests.support.kube import Kube
from tests.support.operators import Operators
from tests.support.serving import wait_served

_OUTAGE = 6.0
_BACK_SECONDS = 30.0
_AT_ONCE = 0.1
_OUTAGES: dict[str, What] = {
    "429": Answer(429, retry_after=2),
    "500": Answer(500),
    "503": Answer(503, retry_after=1),
    "reset": Reset(),
}


def _attempts(entries: Sequence[Entry]) -> Counter[str]:
    """By address. HTTP clients repeat by themselves, at once, what failed on a connection that they had kept."""
    found: Counter[str] = Counter()
    last: dict[str, float] = {}
    for entry in entries:
        if entry.began - last.get(entry.call.path, 0.0) > _AT_ONCE:
            found[entry.call.path] += 1
        last[entry.call.path] = entry.began
    return found


@pytest.mark.long
@pytest.mark.parametrize("outage", _OUTAGES)
def test_o11_it_asks_with_patience_and_goes_on_by_itself(
    operators: Operators, kube: Kube, namespace: str, weights: str, outage: str
) -> None:
    operator = operators.start()
    first, second = bulk(2, namespace, weights)
    kube.create(first)
    wait_served(kube, first)
    operator.rest()
    proxy = operator.proxy
    with proxy.faults.during(every_call, _OUTAGES[outage]):
        proxy.journal.restart()
        proxy.break_watches()
        kube.create(second)
        kube.merge(first, {"spec": {"context": 2048}})
        # What is measured is how often it asks in this time.
        time.sleep(_OUTAGE)
        asked = _attempts(proxy.journal.entries())
    assert asked, "it did not ask at all"
    assert max(asked.values()) <= _OUTAGE, asked
    began = time.monotonic()
    wait_served(kube, second, seconds=_BACK_SECONDS)
    wait_served(kube, first, 2, seconds=_BACK_SECONDS - (time.monotonic() - began))


@pytest.mark.long
def test_o10_o18_at_rest_and_after_a_restart_nothing_is_written(
    operators: Operators, kube: Kube, namespace: str, weights: str
) -> None:
    operator = operators.start()
    models = bulk(3, namespace, weights)
    for each in models:
        kube.create(each)
    for each in models:
        wait_served(kube, each)
    operator.rest()
    operator.proxy.journal.restart()
    assert operator.process.end() == 0
    operator.start()
    operator.rest(quiet=3.0)
    assert operator.proxy.journal.writes() == []
