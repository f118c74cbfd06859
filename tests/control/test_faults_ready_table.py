"""The Ready table on live objects: what kstatus and `kubectl wait` conclude in each state that a model can be in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support import ready_table as table
from tests.support.kstatus import Kstatus
from tests.support.kube import Object
from tests.support.lives import Life
from tests.support.model_configs import merged, model_config
from tests.support.policies import FORBIDDEN_IMAGE, Forbid
from tests.support.ready_table import Row
from tests.support.serving import SECONDS, wait_served
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError

_NOWHERE: Object = {"podTemplate": {"spec": {"nodeSelector": {"no": "node"}}}}
_FORBIDDEN: Object = {"engine": {"image": FORBIDDEN_IMAGE}}
_UNHEARD_OF: Object = {"hardware": {"profile": "unheard-of"}}
_CONFIGURATION = {"profiles": [{"name": "cpu", "cpu": "50m"}, {"name": "gpu", "cpu": "50m", "gpu": {"memory": "24Gi"}}]}
# More than any node has.
_ON_A_FALLBACK: Object = {"hardware": {"profile": "gpu", "count": 16, "fallback": {"to": "cpu", "after": "10s"}}}
# One for each node, and one more.
_TOO_MANY: Object = {
    "resources": {"requests": {"cpu": "20"}, "limits": {"cpu": "20"}},
    "scaling": {"replicas": 5},
}


@dataclass(frozen=True)
class State:
    """How a model comes into a row of the table: made with `first`, and once that is served changed by `then`."""

    row: Row
    first: Object
    then: Object | None = None


_STATES = {
    "served": State(table.SERVED, {}),
    "at-zero": State(table.SERVED, {"scaling": {"replicas": 0}}),
    "starting": State(table.STARTING_BESIDE_OLD, {}, _NOWHERE),
    "failed": State(table.FAILED_BESIDE_OLD, {}, _FORBIDDEN),
    "nothing-yet": State(table.NOTHING_YET, _NOWHERE),
    "must-act": State(table.USER_MUST_ACT, _UNHEARD_OF),
    "must-act-served": State(table.USER_MUST_ACT_SERVED, {}, _UNHEARD_OF),
    "on-fallback": State(table.SERVED_OTHERWISE, _ON_A_FALLBACK),
    "fewer": State(table.SERVED_OTHERWISE, _TOO_MANY),
}


def _model(life: Life, name: str) -> Object:
    return model_config(merged(life.config["spec"], _STATES[name].first), name, life.namespace)


def _enter(life: Life, name: str) -> None:
    """Whatever takes time is left to the wait for all of them."""
    state, model = _STATES[name], _model(life, name)
    if state.then is None:
        return
    wait_served(life.kube, model)
    life.kube.merge(model, {"spec": state.then})


def _verdicts(life: Life, kstatus: Kstatus) -> dict[str, list[str]]:
    """What does not say what its row says, in words."""
    found = {name: life.kube.read(_model(life, name)) for name in _STATES}
    said = kstatus.verdicts(list(found.values()))
    wrong: dict[str, list[str]] = {}
    for (name, each), verdict in zip(found.items(), said, strict=True):
        row = _STATES[name].row
        problems = row.differences(each)
        if verdict.status != row.kstatus:
            problems.append(f"kstatus says {verdict.status}: {verdict.message}")
        if problems:
            wrong[name] = problems
    return wrong


def _waits(cluster: ProcessCluster, namespace: str, condition: str, name: str) -> bool:
    """Whether `kubectl wait` is done at once."""
    what = (f"--for=condition={condition}", "--timeout=1s", f"modelconfig/{name}")
    try:
        cluster.kubectl("wait", "--namespace", namespace, *what)
    except ClusterError as error:
        if "timed out waiting for the condition" in str(error):
            return False
        raise
    return True


@pytest.mark.long
def test_o19_every_row_of_the_ready_table_is_read_by_others_as_it_is_meant(
    cluster: ProcessCluster, life: Life, forbid: Forbid, kstatus: Kstatus
) -> None:
    forbid("pods")
    life.operators.start(configuration=_CONFIGURATION)
    for name in _STATES:
        life.kube.create(_model(life, name))
    for name in _STATES:
        _enter(life, name)
    wait_until(
        lambda: not _verdicts(life, kstatus), SECONDS, lambda: f"all are in their rows: {_verdicts(life, kstatus)}"
    )
    for condition in ("Ready", "Stalled"):
        done = {name for name in _STATES if _waits(cluster, life.namespace, condition, name)}
        assert done == {name for name, state in _STATES.items() if getattr(state.row, condition.lower())}
    assert _says(life, "on-fallback", "AcceleratorFallback") == "True"
    assert _says(life, "fewer", "Degraded") == "True"


def _says(life: Life, name: str, kind: str) -> str:
    conditions = life.kube.read(_model(life, name))["status"]["conditions"]
    return next(str(each["status"]) for each in conditions if each["type"] == kind)
