"""O-16: whoever leads writes, and nobody else does; a dead leader is followed within twenty seconds."""

from __future__ import annotations

import time

import pytest

from tests.support.api_calls import Call, reads_of
from tests.support.api_faults import Hang
from tests.support.audit import Audit, returns
from tests.support.bulk import bulk
from tests.support.kube import Kube
from tests.support.operators import Operator, Operators
from tests.support.waiting import wait_until

_SECONDS = 60.0
_TAKEOVER_SECONDS = 20.0


def _leads(operator: Operator) -> bool:
    return operator.process.metric("plimsoll_operator_leader") == 1


def _hears(call: Call) -> bool:
    return call.method == "GET" and call.resource != "leases"


def _leader(operators: Operators) -> Operator:
    first = operators.start("first", options=())
    wait_until(lambda: _leads(first), _SECONDS, "the first one leads")
    return first


def _standby(operators: Operators, name: str) -> Operator:
    made = operators.make(name, options=())
    made.process.start()
    wait_until(lambda: "the lease is held by" in made.process.log, _SECONDS, made.process.tail)
    return made


def _two(operators: Operators) -> tuple[Operator, Operator]:
    """The first one leads, the second one waits."""
    return _leader(operators), _standby(operators, "second")


def _both_at_once(audit: Audit, namespace: str, *names: str) -> list[str]:
    """Who wrote again after another one had begun, told by the API server itself."""
    writes = [each for each in audit.writes(namespace=namespace) if each.agent.endswith(tuple(f"({n})" for n in names))]
    assert {each.agent for each in writes if each.resource != "leases"}, "nobody wrote: no test at all"
    return returns(writes)


@pytest.mark.long
def test_o16_a_killed_leader_is_followed_by_one_and_nobody_writes_before(
    operators: Operators, kube: Kube, audit: Audit, namespace: str, weights: str
) -> None:
    first = _leader(operators)
    others = [_standby(operators, "second"), _standby(operators, "third")]
    models = bulk(2, namespace, weights)
    kube.create(models[0])
    first.rest()
    for each in others:
        assert each.proxy.journal.entries(_hears) == [], "a standby does not listen"
    first.process.kill()
    died = time.monotonic()
    kube.create(models[1])
    wait_until(lambda: any(map(_leads, others)), _TAKEOVER_SECONDS, others[0].process.tail)
    assert time.monotonic() - died <= _TAKEOVER_SECONDS
    others.sort(key=_leads)
    third, second = others
    workload = {"apiVersion": "v1", "kind": "Service", "metadata": models[1]["metadata"]}
    kube.wait(workload, lambda _: True, _SECONDS, "the second one works")
    last = max(entry.began + (entry.seconds or 0) for entry in first.proxy.journal.writes())
    assert min(entry.began for entry in second.proxy.journal.writes()) > last
    second.rest()
    assert (_leads(third), third.proxy.journal.entries(_hears)) == (False, []), "one follows, not two"
    assert _both_at_once(audit, namespace, "first", "second", "third") == []


def test_a_leader_that_stops_hands_the_lease_over_at_once(operators: Operators) -> None:
    first, second = _two(operators)
    assert first.process.end() == 0
    began = time.monotonic()
    wait_until(lambda: _leads(second), _TAKEOVER_SECONDS, second.process.tail)
    # Far less than the fifteen seconds that a lease lasts.
    assert time.monotonic() - began < 10


def test_an_operator_that_has_not_heard_of_everything_yet_stops_as_well(operators: Operators) -> None:
    operator = operators.make()
    with operator.proxy.faults.during(reads_of("pods"), Hang()):
        operator.process.start()
        wait_until(lambda: operator.proxy.journal.entries(reads_of("pods")), _SECONDS, operator.process.tail)
        assert operator.process.end() == 0


@pytest.mark.long
def test_o16_a_leader_that_stood_still_writes_nothing_when_it_wakes(
    operators: Operators, kube: Kube, audit: Audit, namespace: str, weights: str
) -> None:
    first, second = _two(operators)
    models = bulk(2, namespace, weights)
    kube.create(models[0])
    first.rest()
    first.process.pause()
    wait_until(lambda: _leads(second), _TAKEOVER_SECONDS + 5, second.process.tail)
    first.proxy.journal.restart()
    kube.create(models[1])
    first.process.go_on()
    wait_until(lambda: not first.process.alive, _SECONDS, first.process.tail)
    assert first.process.exit_code == 1
    assert first.proxy.journal.writes() == []
    second.rest()
    assert _both_at_once(audit, namespace, "first", "second") == []
