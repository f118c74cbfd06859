"""Models in the hands of a real operator, on an API server that has nobody else: what is said of them, their pods."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api import names
from tests.support import objects
from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.model_server import ModelServer, model_server, own_address
from tests.support.operators import Operator, Operators
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

# O-21: whatever is wrong is told within this time; and healed within it when it is right again.
TOLD_SECONDS = 30.0
# Each kind that the operator writes, and the only one that it writes to without having made it.
OURS = (
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ControllerRevision"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)


@dataclass(frozen=True)
class Model:
    """One ModelConfig of a test; `config` is what is declared."""

    kube: Kube
    config: Object

    def create(self) -> Model:
        self.kube.create(self.config)
        return self

    @property
    def name(self) -> str:
        return str(self.config["metadata"]["name"])

    @property
    def status(self) -> Object:
        found: Object = self.kube.read(self.config).get("status", {})
        return found

    def conditions(self) -> dict[str, tuple[str, str]]:
        """By type: its status and reason."""
        return {each["type"]: (each["status"], each["reason"]) for each in self.status.get("conditions", [])}

    def says(self, kind: str, status: str, reason: str, seconds: float = TOLD_SECONDS) -> None:
        """Within the time in which everything has to be told."""
        wait_until(
            lambda: self.conditions().get(kind) == (status, reason),
            seconds,
            lambda: f"{kind} is {status} with {reason}: {self.status.get('conditions')}",
        )

    def message(self, kind: str) -> str:
        return next(str(each["message"]) for each in self.status["conditions"] if each["type"] == kind)

    def is_accepted(self) -> None:
        self.says("Accepted", "True", "Accepted")

    def children(self) -> list[Object]:
        return [each for kind in OURS for each in self._labelled(*kind)]

    def workloads(self) -> list[Object]:
        return self._labelled("apps/v1", "Deployment")

    def run_pods(self) -> None:
        """As the rest of a control plane would do it, but for one pod each: they are there and ready."""
        for each in self.workloads():
            if each["spec"]["replicas"]:
                _run(self.kube, each)

    def _labelled(self, api_version: str, kind: str) -> list[Object]:
        metadata = self.config["metadata"]
        return self.kube.list(api_version, kind, metadata["namespace"], f"{names.LABEL_MODELCONFIG}={metadata['name']}")


@dataclass(frozen=True)
class House:
    """A namespace with one operator for all tests of a module: each of them has models of its own."""

    kube: Kube
    namespace: str
    operator: Operator
    folder: Path

    def model(self, name: str, **spec: Any) -> Model:
        """Not created yet."""
        return Model(self.kube, model_config(spec, name, self.namespace))


@pytest.fixture(scope="module")
def house(
    cluster: ProcessCluster, kube: Kube, definition: Object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    namespace, folder = f"house-{secrets.token_hex(4)}", tmp_path_factory.mktemp("house")
    kube.create(objects.namespace(namespace))
    with Operators(cluster, namespace, folder) as operators:
        yield House(kube, namespace, operators.start(), folder)
        operators.end()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """From which operators of tests may read."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    with model_server(address) as server:
        yield server


def end_job(kube: Kube, job: Object, code: int, words: str) -> None:
    """As if the pod of this Job had run and ended so."""
    pod = kube.create(_pod_of(job))
    state = {"terminated": {"exitCode": code, "message": words}}
    ended = {"name": pod["spec"]["containers"][0]["name"], "image": "any", "imageID": "", "ready": False}
    ended |= {"restartCount": 0, "state": state}
    phase = "Failed" if code else "Succeeded"
    kube.merge(pod, {"status": {"phase": phase, "containerStatuses": [ended]}}, "status")


def _run(kube: Kube, deployment: Object) -> None:
    pod = _pod_of(deployment)
    if kube.find(pod) is None:
        kube.create(pod)
    kube.merge(pod, {"status": {"phase": "Running", "conditions": [_true("Ready"), _true("PodScheduled")]}}, "status")


def _pod_of(owner: Object) -> Object:
    metadata, template = owner["metadata"], copy.deepcopy(owner["spec"]["template"])
    labels = template["metadata"]["labels"]
    if owner["kind"] == "Job":
        labels["batch.kubernetes.io/job-name"] = metadata["name"]
    place = {"name": f"{metadata['name']}-0", "namespace": metadata["namespace"], "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": place, "spec": template["spec"]}


def _true(kind: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
