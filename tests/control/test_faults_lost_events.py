"""O-08: an event that is never told, whichever it is, delays a model by one resync and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.api import names
from tests.support.api_watches import Event
from tests.support.bulk import bulk
from tests.support.kube import Kube, Object
from tests.support.operated import OURS
from tests.support.operators import Operator, Operators
from tests.support.serving import served, workloads
from tests.support.waiting import wait_until

_RESYNC = 5
_SECONDS = _RESYNC + 10.0
# The collector of garbage learns of a new kind every half minute.
_CLEANING_SECONDS = 90.0
_OTHER_IMAGE = "example.invalid/engine:2"
# More than the three acts below are told of; a test holds this against what there really is.
_MOST = 140


class _Play:
    """A model is made, changed and taken away; after each act the operator has to know how things are."""

    def __init__(self, operator: Operator, kube: Kube, model: Object) -> None:
        self._operator = operator
        self._kube = kube
        self._model = model

    def act(self) -> None:
        self._kube.create(self._model)
        self._settled(1)
        self._kube.merge(self._model, {"spec": {"engine": {"image": _OTHER_IMAGE}}})
        self._settled(2)
        self._kube.delete(self._model)
        wait_until(self._gone, _CLEANING_SECONDS, "Kubernetes has taken away what belonged to the model")
        self._soon(lambda: self._operator.process.metric("plimsoll_operator_mirror_objects") == 0, "all is forgotten")

    def _settled(self, generation: int) -> None:
        def settled() -> bool:
            found = self._kube.read(self._model)
            return served(generation)(found) and len(workloads(self._kube, self._model)) == 1

        self._soon(settled, f"generation {generation} is served, and nothing else")

    def _gone(self) -> bool:
        namespace = self._model["metadata"]["namespace"]
        return not any(self._kube.list(*kind, namespace, names.LABEL_MODELCONFIG) for kind in (*OURS, ("v1", "Pod")))

    def _soon(self, holds: Callable[[], bool], what: str) -> None:
        wait_until(holds, _SECONDS, lambda: f"{what}\n{self._operator.process.tail()}")


@pytest.fixture
def operator(operators: Operators) -> Operator:
    """Once it listens: a model that is made earlier is found by a list, and no event tells of it."""
    operator = operators.start(options=("--no-lease", f"--resync={_RESYNC}s"))
    wait_until(
        lambda: operator.proxy.open_watches(lambda call: call.resource == "modelconfigs"),
        _SECONDS,
        lambda: f"ModelConfigs are watched\n{operator.process.tail()}",
    )
    return operator


@pytest.fixture
def play(operator: Operator, kube: Kube, namespace: str, weights: str) -> _Play:
    (model,) = bulk(1, namespace, weights)
    return _Play(operator, kube, model)


def _told(operator: Operator) -> list[str]:
    return [f"{each.type} {each.resource}" for each in operator.proxy.events()]


@pytest.mark.long
def test_o08_every_event_is_among_those_that_are_lost(operator: Operator, play: _Play) -> None:
    play.act()
    told = _told(operator)
    assert 40 < len(told) <= _MOST, told
    assert {"ADDED modelconfigs", "DELETED modelconfigs", "ADDED pods", "DELETED deployments"} <= set(told)


@pytest.mark.long
@pytest.mark.kill_points("lost", range(1, _MOST + 1), short=3)
def test_o08_the_kth_event_is_lost(operator: Operator, play: _Play, lost: int) -> None:
    operator.proxy.trick_watches(lambda event: event.number == lost, "drop")
    play.act()
    # How many there are differs from run to run.
    assert len(_told(operator)) > 40


@pytest.mark.long
@pytest.mark.parametrize("what", ["ADDED", "MODIFIED", "DELETED"])
def test_o08_nothing_of_this_type_is_told_of_the_model_itself(operator: Operator, play: _Play, what: str) -> None:
    def lost(event: Event) -> bool:
        return (event.type, event.resource) == (what, "modelconfigs")

    operator.proxy.trick_watches(lost, "drop", times=None)
    play.act()
    assert operator.proxy.events(lost), "there was no such event: no test at all"
