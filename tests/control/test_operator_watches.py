"""Watches that fall silent, repeat themselves or end: the operator takes nothing away on what they said long ago."""

from __future__ import annotations

import pytest

from tests.support.api_calls import Call, watches_of
from tests.support.api_faults import Fault, Strike
from tests.support.api_journal import told
from tests.support.bulk import bulk
from tests.support.form import Form
from tests.support.kube import Kube, Object
from tests.support.operators import ENGINE_IMAGE, Operator, Operators
from tests.support.serving import SECONDS, served, wait_served, workloads
from tests.support.waiting import wait_until

_OTHER_IMAGE = "example.invalid/engine:2"


@pytest.fixture
def model(namespace: str, weights: str) -> Object:
    (made,) = bulk(1, namespace, weights)
    made["spec"]["engine"] = {"image": ENGINE_IMAGE}
    return made


@pytest.fixture
def operator(operators: Operators, kube: Kube, model: Object) -> Operator:
    """It serves the model."""
    operator = operators.start()
    kube.create(model)
    wait_served(kube, model)
    operator.rest()
    return operator


def _with_image(kube: Kube, model: Object, image: str) -> int:
    """The generation that this makes."""
    changed = kube.merge(model, {"spec": {"engine": {"image": image}}})
    return int(changed["metadata"]["generation"])


def _pods(kube: Kube, workload: Object) -> set[str]:
    """The uids of those that are there to stay."""
    labels = ",".join(f"{name}={value}" for name, value in workload["spec"]["selector"]["matchLabels"].items())
    pods = kube.list("v1", "Pod", workload["metadata"]["namespace"], labels)
    return {each["metadata"]["uid"] for each in pods if "deletionTimestamp" not in each["metadata"]}


def test_o07_nothing_is_taken_away_on_an_old_view(operator: Operator, kube: Kube, model: Object) -> None:
    proxy = operator.proxy
    [first] = workloads(kube, model)
    pods = _pods(kube, first)

    def go_back_unseen() -> None:
        proxy.freeze_watches(watches_of("modelconfigs"))
        _with_image(kube, model, ENGINE_IMAGE)

    def told_of_the_switch(call: Call) -> bool:
        switched = any(entry.call.resource == "services" for entry in proxy.journal.writes())
        return call.writing and call.resource == "events" and switched

    # The second workload takes the calls, and the last answer that had the model in it is here. What the operator
    # thinks of next is to take the first workload away.
    proxy.journal.restart()
    switch = proxy.faults.add(Fault(told_of_the_switch, Strike(go_back_unseen, goes_on=True)))
    _with_image(kube, model, _OTHER_IMAGE)
    assert switch.spent.wait(SECONDS)
    seen = len(proxy.journal.entries())
    operator.rest()
    looked = [each for each in proxy.journal.entries()[seen:] if each.call.resource == "modelconfigs"]
    assert looked, "nothing was to be taken away: no test at all"
    assert _pods(kube, first) == pods
    proxy.thaw_watches()
    wait_served(kube, model, 3)
    wait_until(lambda: len(workloads(kube, model)) == 1, SECONDS, "the second workload is gone")
    assert _pods(kube, first) == pods


def test_o09_all_events_told_again_in_any_order_change_nothing(
    operator: Operator, kube: Kube, model: Object, form: Form
) -> None:
    wait_served(kube, model, _with_image(kube, model, _OTHER_IMAGE))
    wait_until(lambda: len(workloads(kube, model)) == 1, SECONDS, "the first workload is gone")
    operator.rest()
    for seed in range(form.count(small=3, large=30)):
        operator.proxy.journal.restart()
        assert operator.proxy.replay_watches(seed=form.seed + seed) > 20
        operator.rest()
        assert operator.proxy.journal.writes() == [], told(operator.proxy.journal.writes())


@pytest.mark.parametrize("end", ["expire", "break"])
def test_watches_that_end_begin_again_and_what_happened_meanwhile_is_seen(
    operator: Operator, kube: Kube, model: Object, end: str
) -> None:
    proxy = operator.proxy
    open_before = len(proxy.open_watches())
    proxy.freeze_watches()
    generation = _with_image(kube, model, _OTHER_IMAGE)
    if end == "expire":
        proxy.expire_watches()
    else:
        proxy.break_watches()
    assert not served(generation)(kube.read(model))
    proxy.thaw_watches()
    wait_served(kube, model, generation)
    wait_until(lambda: len(proxy.open_watches()) == open_before, SECONDS, "as many watches as before")
