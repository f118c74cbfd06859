"""O-06: killed before or after any of its writes, the operator comes to the end that it would have come to in peace."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support import objects, world_differ
from tests.support.api_journal import Entry, told
from tests.support.bulk import bulk
from tests.support.crash_runner import KillPoint, kill_points, run_killed
from tests.support.kube import Kube, Object
from tests.support.operators import Operator, Operators
from tests.support.serving import SECONDS, wait_served, workloads
from tests.support.waiting import wait_until
from tests.support.world_differ import World
from tools.cluster.cluster import ProcessCluster

_OTHER_IMAGE = "example.invalid/engine:2"
# More than either scenario takes; a test below holds them against what it really takes.
_STARTING, _CHANGING = 24, 32


@dataclass(frozen=True)
class Stage:
    """A namespace, its model and the operator that serves it."""

    kube: Kube
    namespace: str
    operator: Operator
    model: Object

    def start(self) -> None:
        self.kube.create(self.model)
        self._served(generation=1)

    def change(self) -> None:
        """Other pods: the old ones serve until the new ones do, and are taken away then."""
        self.kube.merge(self.model, {"spec": {"engine": {"image": _OTHER_IMAGE}}})
        self._served(generation=2)

    def _served(self, generation: int) -> None:
        wait_served(self.kube, self.model, generation)
        wait_until(lambda: len(workloads(self.kube, self.model)) == 1, SECONDS, "the other workload is gone")
        self.operator.rest()

    def world(self) -> World:
        return world_differ.look(self.kube, self.namespace)

    def revisions(self) -> list[str]:
        found = self.kube.list("apps/v1", "ControllerRevision", self.namespace)
        return sorted(each["metadata"]["name"] for each in found)


def _stage(operators: Operators, kube: Kube, namespace: str, weights: str) -> Stage:
    (model,) = bulk(1, namespace, weights)
    return Stage(kube, namespace, operators.make(), model)


@pytest.fixture
def stage(operators: Operators, kube: Kube, namespace: str, weights: str) -> Stage:
    return _stage(operators, kube, namespace, weights)


@dataclass(frozen=True)
class Peace:
    """How the two scenarios end when nobody dies, and after which writes."""

    started: World
    starting: list[Entry]
    changed: World
    changing: list[Entry]


@pytest.fixture(scope="module")
def peace(
    cluster: ProcessCluster,
    kube: Kube,
    definition: Object,
    weights: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Peace]:
    namespace = f"in-peace-{secrets.token_hex(3)}"
    kube.create(objects.namespace(namespace))
    kube.wait(objects.service_account(namespace), lambda _: True, SECONDS, "the namespace is ready")
    with Operators(cluster, namespace, tmp_path_factory.mktemp("peace")) as operators:
        stage = _stage(operators, kube, namespace, weights)
        journal = stage.operator.proxy.journal
        stage.operator.start()
        stage.start()
        started, starting = stage.world(), journal.writes()
        journal.restart()
        stage.change()
        yield Peace(started, starting, stage.world(), journal.writes())
        operators.end()
    kube.delete(objects.namespace(namespace))


def test_o06_every_write_is_among_the_points(peace: Peace) -> None:
    assert 8 < len(peace.starting) <= _STARTING, told(peace.starting)
    assert 4 < len(peace.changing) <= _CHANGING, told(peace.changing)


@pytest.mark.long
@pytest.mark.kill_points("point", kill_points(_STARTING), short=2)
def test_o06_killed_while_a_model_starts(stage: Stage, peace: Peace, point: KillPoint) -> None:
    _run(stage, point, stage.start)
    assert peace.started.differences(stage.world()) == []
    assert stage.revisions() == ["model-00000-r1"]


@pytest.mark.long
@pytest.mark.kill_points("point", kill_points(_CHANGING), short=2)
def test_o06_killed_while_a_model_changes(stage: Stage, peace: Peace, point: KillPoint) -> None:
    stage.operator.start()
    stage.start()
    _run(stage, point, stage.change)
    assert peace.changed.differences(stage.world()) == []
    assert stage.revisions() == ["model-00000-r1", "model-00000-r2"]


def _run(stage: Stage, point: KillPoint, scenario: Callable[[], None]) -> None:
    reached = run_killed(stage.operator.process, stage.operator.proxy, point, scenario)
    writes = stage.operator.proxy.journal.writes()
    # The words of a status follow the pods, so the number of writes differs a little from run to run.
    assert reached or len(writes) < point.write, told(writes)
