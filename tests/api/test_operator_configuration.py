"""The configuration of a running operator: another one is in force without a restart, and a bad one never is."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from tests.support.kube import Kube, Object
from tests.support.operators import Operator, Operators, usual_configuration
from tests.support.waiting import wait_until

_SECONDS = 20.0
_BAD = {"a wrong value": "images: {plimsoll: p}\nhistory: many\n", "half a file": "images: {plimsoll:", "nothing": ""}


class _Mount:
    """A ConfigMap as a kubelet mounts it: a new version is a new folder, to which one link is turned at once."""

    def __init__(self, file: Path) -> None:
        self._folder = file.parent
        self._versions = itertools.count(1)
        self._name = file.name
        text = file.read_text()
        file.unlink()
        file.symlink_to(Path("..data") / file.name)
        self.put(text)

    def put(self, text: str) -> None:
        version = self._folder / f"..version-{next(self._versions)}"
        version.mkdir()
        (version / self._name).write_text(text)
        link = self._folder / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self._folder / "..data")


@pytest.fixture
def operator(operators: Operators) -> Operator:
    """It holds a lease, and so has an object of its own to speak of."""
    return operators.make(options=())


@pytest.fixture
def mount(operator: Operator, tmp_path: Path) -> _Mount:
    mounted = _Mount(tmp_path / "operator.yaml")
    operator.start()
    _wait(operator, "leader", 1)
    operator.rest()
    return mounted


def _wait(operator: Operator, metric: str, value: float) -> None:
    wait_until(
        lambda: operator.process.metric(f"plimsoll_operator_{metric}") == value,
        _SECONDS,
        lambda: f"{metric} is {value}\n{operator.process.tail()}",
    )


def _good(**changes: object) -> str:
    return yaml.safe_dump({**usual_configuration(), **changes})


def _complaints(kube: Kube, namespace: str) -> list[Object]:
    return [each for each in kube.list("v1", "Event", namespace) if each["reason"] == "BadConfiguration"]


def test_another_configuration_is_in_force_without_a_restart(operator: Operator, mount: _Mount) -> None:
    pid = operator.process.pid
    mount.put(_good(history=5))
    _wait(operator, "configuration_generation", 2)
    assert operator.process.metric("plimsoll_operator_configuration_valid") == 1
    assert (operator.process.alive, operator.process.pid) == (True, pid)


def test_a_configuration_that_says_the_same_is_not_another_one(operator: Operator, mount: _Mount) -> None:
    mount.put(_good())
    mount.put(_good(history=5))
    _wait(operator, "configuration_generation", 2)


@pytest.mark.parametrize("text", _BAD.values(), ids=_BAD)
def test_a_bad_configuration_is_told_on_the_lease_and_the_last_good_one_stays(
    operator: Operator, mount: _Mount, kube: Kube, namespace: str, text: str
) -> None:
    mount.put(text)
    _wait(operator, "configuration_valid", 0)
    wait_until(lambda: _complaints(kube, namespace), _SECONDS, "an Event says so")
    [event] = _complaints(kube, namespace)
    about = event["involvedObject"]
    assert (about["kind"], about["name"], event["type"]) == ("Lease", "plimsoll-operator", "Warning")
    assert "operator.yaml" in event["message"]
    assert operator.process.metric("plimsoll_operator_configuration_generation") == 1
    mount.put(_good(history=5))
    _wait(operator, "configuration_valid", 1)
    _wait(operator, "configuration_generation", 2)
