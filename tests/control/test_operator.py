"""A real operator on a real control plane: models come up, stay as declared, and nothing is written for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.api_calls import reads_of
from tests.support.api_faults import Answer
from tests.support.bulk import bulk
from tests.support.kube import Kube, Object
from tests.support.operators import Operator, Operators, usual_configuration
from tests.support.waiting import wait_until

_SECONDS = 60.0
# O-13 allows ten seconds on a machine that has others to serve too.
_RESTORED_SECONDS = 10.0
_MODEL = "model-00000"
_STANDING = (("v1", "ServiceAccount"), ("v1", "Service"), ("policy/v1", "PodDisruptionBudget"))
_NETWORK_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")


@dataclass(frozen=True)
class Stage:
    kube: Kube
    namespace: str
    operators: Operators
    model: Object

    def named(self, api_version: str, kind: str, name: str = _MODEL) -> Object:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}

    def conditions(self) -> dict[str, tuple[str, str]]:
        found = (self.kube.find(self.model) or {}).get("status", {}).get("conditions", [])
        return {each["type"]: (each["status"], each["reason"]) for each in found}

    def wait_ready(self, *wanted: tuple[str, str]) -> None:
        expected = wanted or (("True", "Serving"),)
        wait_until(lambda: self.conditions().get("Ready") in expected, _SECONDS, lambda: f"{self.conditions()}")

    def workload(self) -> Object:
        (found,) = self.kube.list("apps/v1", "Deployment", self.namespace)
        return found

    def start(self) -> Operator:
        """With a model that serves already."""
        operator = self.operators.start()
        self.kube.create(self.model)
        self.wait_ready()
        operator.rest()
        return operator


@pytest.fixture
def stage(operators: Operators, kube: Kube, namespace: str, weights: str) -> Stage:
    (model,) = bulk(1, namespace, weights)
    return Stage(kube, namespace, operators, model)


def test_an_applied_model_has_all_its_objects_and_serves(stage: Stage) -> None:
    stage.start()
    owner = stage.kube.read(stage.model)["metadata"]["uid"]
    kinds = [*_STANDING, _NETWORK_POLICY]
    children = [stage.kube.read(stage.named(*kind)) for kind in kinds] + [stage.workload()]
    assert {each["metadata"]["ownerReferences"][0]["uid"] for each in children} == {owner}
    assert "finalizers" not in stage.kube.read(stage.model)["metadata"]
    assert "annotations" not in stage.kube.read(stage.model)["metadata"]


@pytest.mark.parametrize("kind", [*_STANDING, _NETWORK_POLICY])
def test_o13_a_deleted_child_comes_back(stage: Stage, kind: tuple[str, str]) -> None:
    stage.start()
    child = stage.named(*kind)
    before = stage.kube.read(child)["metadata"]["uid"]
    stage.kube.delete(child)
    stage.kube.wait(child, lambda found: found["metadata"]["uid"] != before, _RESTORED_SECONDS, "it is there again")
    stage.wait_ready()


def test_o13_what_was_edited_or_unlabelled_by_hand_is_put_right(stage: Stage) -> None:
    stage.start()
    service, workload = stage.named("v1", "Service"), stage.workload()
    selector, replicas = stage.kube.read(service)["spec"]["selector"], workload["spec"]["replicas"]
    labels = workload["metadata"]["labels"]

    def is_right(found: Object) -> bool:
        return bool(found["spec"]["replicas"] == replicas and labels.items() <= found["metadata"]["labels"].items())

    stage.kube.merge(service, {"spec": {"selector": {"plimsoll.dev/workload": "none"}}})
    stage.kube.merge(workload, {"spec": {"replicas": 3}, "metadata": {"labels": {"plimsoll.dev/modelconfig": None}}})
    stage.kube.wait(service, lambda found: found["spec"]["selector"] == selector, _RESTORED_SECONDS, "it serves again")
    stage.kube.wait(workload, is_right, _RESTORED_SECONDS, "the workload is as declared")


@pytest.mark.long
def test_an_object_of_somebody_else_is_left_alone_until_its_name_is_free(stage: Stage) -> None:
    operator = stage.operators.start()
    stranger = stage.kube.create({**stage.named("v1", "Service"), "spec": {"ports": [{"port": 80}]}})
    stage.kube.create(stage.model)
    wait_until(
        lambda: stage.conditions().get("NameTaken", ("",))[0] == "True", _SECONDS, lambda: f"{stage.conditions()}"
    )
    operator.rest()
    assert stage.kube.read(stranger)["metadata"]["resourceVersion"] == stranger["metadata"]["resourceVersion"]
    stage.kube.delete(stranger)
    stage.wait_ready()


@pytest.mark.long
def test_o14_a_model_that_was_deleted_while_nobody_looked_is_gone(stage: Stage) -> None:
    operator = stage.start()
    operator.process.end()
    stage.kube.delete(stage.model)
    stage.kube.wait_gone(stage.model, _SECONDS)
    operator.start()
    wait_until(
        lambda: not stage.kube.list("apps/v1", "Deployment", stage.namespace), _SECONDS, "its workload is gone too"
    )
    operator.rest()
    assert stage.kube.find(stage.named("v1", "Service")) is None


def test_a_model_that_is_made_again_at_once_is_served(stage: Stage) -> None:
    stage.start()
    stage.kube.delete(stage.model)
    stage.kube.create(stage.model)
    stage.wait_ready()


def test_a_changed_configuration_is_in_force_without_a_restart(stage: Stage, tmp_path: Path) -> None:
    operator = stage.operators.start()
    stage.model["spec"]["hardware"] = {"profile": "new"}
    stage.kube.create(stage.model)
    stage.wait_ready(("False", "ProfileUnknown"))
    profiles = [{"name": "cpu", "cpu": "50m"}, {"name": "new", "cpu": "50m"}]
    (tmp_path / "operator.yaml").write_text(yaml.safe_dump({**usual_configuration(), "profiles": profiles}))
    stage.wait_ready()
    assert operator.process.metric("plimsoll_operator_configuration_generation") == 2


def test_the_operator_waits_for_what_it_may_not_read_yet(stage: Stage) -> None:
    operator = stage.operators.make()
    with operator.proxy.faults.during(reads_of("modelconfigs"), Answer(404)):
        operator.process.start()
        stage.kube.create(stage.model)
        wait_until(lambda: "apply Plimsoll's CRDs" in operator.process.log, _SECONDS, operator.process.tail)
        assert operator.proxy.journal.writes() == []
    stage.wait_ready()
