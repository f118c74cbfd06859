"""A model that loses its GPU is served on a CPU, and is back on a GPU when there is one to stay."""

from __future__ import annotations

import time

import pytest

from plimsoll.api.reasons import Reason
from tests.support.gpus import Gpus
from tests.support.lives import Life
from tests.support.objects import GPU
from tests.support.operators import Operator
from tests.support.pods import ready, unschedulable
from tests.support.serving import served
from tests.support.waiting import wait_until

_AFTER = 10
# What a scheduler may take to try a pod again, and an operator to see it.
_PLANNED_SECONDS, _READY_SECONDS, _BACK_SECONDS = _AFTER + 15, 60, 90
_CONFIGURATION = {"profiles": [{"name": "cpu", "cpu": "50m"}, {"name": "gpu", "cpu": "50m", "gpu": {"memory": "24Gi"}}]}
# Time to see that nothing happens, and more than that before something should.
_PATIENT = 20


def _begin(life: Life, after: int = _AFTER) -> Operator:
    hardware = {"profile": "gpu", "fallback": {"to": "cpu", "after": f"{after}s"}}
    operator = life.begin({"hardware": hardware}, configuration=_CONFIGURATION)
    assert life.status["hardware"] == "gpu"
    return operator


def _runs_on(life: Life, profile: str) -> bool:
    found = life.read()
    return served(1)(found) and found["status"]["hardware"] == profile


def _wait_on(life: Life, profile: str, seconds: float) -> None:
    wait_until(lambda: _runs_on(life, profile), seconds, lambda: f"served on {profile}: {life.status}")


def _waits(life: Life, short: str) -> bool:
    """The pods of this workload have no place, and the scheduler says so."""
    found = life.pods(short).values()
    return bool(found) and all(f"Insufficient {GPU}" in unschedulable(pod) for pod in found)


@pytest.mark.long
def test_a_model_that_loses_the_last_gpu_serves_on_a_cpu_until_there_is_one_again(life: Life, gpus: Gpus) -> None:
    _begin(life)
    [declared] = life.workloads
    uid = life.workloads[declared]["metadata"]["uid"]
    began = time.monotonic()
    gpus.take()
    wait_until(lambda: len(life.workloads) == 2, _PLANNED_SECONDS, lambda: f"planned on a CPU: {life.status}")
    _wait_on(life, "cpu", _READY_SECONDS - (time.monotonic() - began))
    words = life.says("AcceleratorFallback", "True", Reason.ACCELERATOR_UNAVAILABLE)
    assert f"Insufficient {GPU}" in words
    assert life.serving != declared
    assert [pod["spec"]["nodeName"] for pod in life.pods(life.serving).values()]
    gpus.give()
    _wait_on(life, "gpu", _BACK_SECONDS)
    life.says("AcceleratorFallback", "False", Reason.ON_DECLARED_HARDWARE)
    life.served()
    assert {short: each["metadata"]["uid"] for short, each in life.workloads.items()} == {declared: uid}
    assert life.serving == declared
    assert list(life.revisions) == [1]


@pytest.mark.long
def test_a_gpu_that_comes_and_goes_moves_nobody_and_neither_does_a_restart(life: Life, gpus: Gpus) -> None:
    operator = _begin(life, _PATIENT)
    [declared] = life.workloads
    gpus.take()
    _wait_on(life, "cpu", _READY_SECONDS)
    operator.rest()
    before, turns = life.pods(life.serving).keys(), len(life.switches())
    for _ in range(3):
        gpus.give()
        wait_until(lambda: any(map(ready, life.pods(declared).values())), _READY_SECONDS, "a pod has found the GPU")
        operator.rest()
        gpus.take()
        wait_until(lambda: _waits(life, declared), _READY_SECONDS, "its pod waits again")
    operator.rest()
    operator.proxy.journal.restart()
    assert operator.process.end() == 0
    operator.start()
    operator.rest(quiet=3.0)
    assert operator.proxy.journal.writes() == []
    assert len(life.switches()) == turns
    assert life.pods(life.serving).keys() == before
    life.says("AcceleratorFallback", "True")
