"""The life of a model under a real operator: what its users do to it, and what there is of it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from plimsoll.api import names
from tests.support.audit import Audit, Request
from tests.support.kube import Kube, Object, RefusedError
from tests.support.model_configs import model_config
from tests.support.operators import Operator, Operators
from tests.support.serving import SECONDS, wait_served, workloads
from tests.support.waiting import wait_until

_CONFLICT = 409


@dataclass(frozen=True)
class Life:
    """Of one model, which `config` is the declaration of."""

    kube: Kube
    namespace: str
    operators: Operators
    audit: Audit
    config: Object

    # What a user does.

    def begin(self, change: Object | None = None, **settings: Any) -> Operator:
        """An operator that serves the model and has nothing left to do."""
        operator = self.operators.start(**settings)
        self.config["spec"] |= change or {}
        self.kube.create(self.config)
        wait_served(self.kube, self.config)
        operator.rest()
        return operator

    def edit(self, change: Object) -> int:
        """The generation that this makes."""
        return int(self.kube.merge(self.config, {"spec": change})["metadata"]["generation"])

    def declare(self, spec: Object) -> int:
        """Exactly this spec, whatever was there."""
        return declare(self.kube, self.config, spec)

    # What there is.

    def read(self) -> Object:
        return self.kube.read(self.config)

    @property
    def status(self) -> Object:
        found: Object = self.read().get("status", {})
        return found

    def condition(self, kind: str) -> Object:
        """As it was said of the spec that is there now."""
        found = self.read()
        said = [each for each in found.get("status", {}).get("conditions", []) if each["type"] == kind]
        now = [each for each in said if each["observedGeneration"] == found["metadata"]["generation"]]
        return now[0] if now else {"status": "", "reason": "", "message": ""}

    @property
    def serving(self) -> str:
        """The short hash of the workload that the Service selects."""
        service = self.kube.read(self.named("v1", "Service"))
        return str(service["spec"]["selector"][names.LABEL_WORKLOAD])

    @property
    def workloads(self) -> dict[str, Object]:
        """Its Deployments by their short hashes."""
        return {each["metadata"]["labels"][names.LABEL_WORKLOAD]: each for each in workloads(self.kube, self.config)}

    @property
    def revisions(self) -> dict[int, Object]:
        """What the history keeps, by number."""
        found = self.kube.list("apps/v1", "ControllerRevision", self.namespace, self._label)
        return {each["revision"]: each for each in sorted(found, key=lambda each: int(each["revision"]))}

    def pods(self, short: str = "") -> dict[str, Object]:
        """Those that are there to stay, by uid; of one workload, or of all."""
        label = f"{self._label},{names.LABEL_WORKLOAD}={short}" if short else self._label
        found = self.kube.list("v1", "Pod", self.namespace, label)
        return {each["metadata"]["uid"]: each for each in found if "deletionTimestamp" not in each["metadata"]}

    def named(self, api_version: str, kind: str, name: str = "") -> Object:
        """One of its objects, by address only."""
        metadata = {"name": name or self.config["metadata"]["name"], "namespace": self.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

    # What is waited for.

    def served(self, generation: int = 1, seconds: float = SECONDS) -> None:
        """Ready speaks of this generation, and nothing is left of what served before."""
        wait_served(self.kube, self.config, generation, seconds)
        wait_until(lambda: len(self.workloads) == 1, SECONDS, lambda: f"one is left of {list(self.workloads)}")

    def says(self, kind: str, status: str, reason: str = "", seconds: float = SECONDS) -> str:
        """The message of a condition, once it says this."""

        def said() -> bool:
            found = self.condition(kind)
            return found["status"] == status and reason in ("", found["reason"])

        wait_until(said, seconds, lambda: f"{kind} is {status} {reason}: {self.status.get('conditions')}")
        return str(self.condition(kind)["message"])

    # What was done.

    def switches(self) -> list[Request]:
        """Every write of its Service since the test began; the first makes it, the second turns it to somebody."""
        name = self.config["metadata"]["name"]
        return [each for each in self._writes() if (each.resource, each.name) == ("services", name)]

    def started(self) -> list[str]:
        """The Deployments that were made since the test began, in their order."""
        return [each.name for each in self._writes() if each.resource == "deployments" and each.code == 201]

    def _writes(self) -> list[Request]:
        return self.audit.writes(namespace=self.namespace)

    @property
    def _label(self) -> str:
        return f"{names.LABEL_MODELCONFIG}={self.config['metadata']['name']}"


def declare(kube: Kube, model: Object, spec: Object) -> int:
    """The generation of the model with exactly this spec, also where its status is written meanwhile."""

    def declared() -> Object | None:
        try:
            return kube.replace({**kube.read(model), "spec": spec})
        except RefusedError as refusal:
            if refusal.status == _CONFLICT:
                return None
            raise

    found = wait_until(declared, SECONDS, "it is declared")
    assert found is not None
    return int(found["metadata"]["generation"])


@pytest.fixture
def life(operators: Operators, kube: Kube, audit: Audit, namespace: str, weights: str) -> Life:
    """A small model that is not declared yet."""
    source = {"http": {"url": weights}, "sha256": "0" * 64}
    return Life(kube, namespace, operators, audit, model_config({"source": source}, "m", namespace))
