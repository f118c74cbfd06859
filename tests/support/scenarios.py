"""What an operator has to be able to do, as short plays on one namespace: each ends well or says what it waited for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from plimsoll.api import names
from tests.support import objects
from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.model_keys import model_key
from tests.support.waiting import wait_until

Result = TypeVar("Result")

SECONDS = 60.0


class StoppedError(Exception):
    """The API server has refused what the scenario needs."""


@dataclass(frozen=True)
class Stage:
    """What a scenario acts on: one namespace, served by the operator of the test; `refused` ends every wait."""

    kube: Kube
    namespace: str
    url: str
    refused: Callable[[], bool] = lambda: False

    def config(self, **spec: object) -> Object:
        source = {"http": {"url": self.url}, "sha256": "0" * 64}
        return model_config({"source": source, **spec}, "m", self.namespace)

    def named(self, api_version: str, kind: str, name: str = "m") -> Object:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}

    def wait(self, condition: Callable[[], Result], what: str) -> Result:
        def stopped_or_true() -> Result:
            if self.refused():
                raise StoppedError(what)
            return condition()

        return wait_until(stopped_or_true, SECONDS, lambda: f"{what}: {self.kube.find(self.config())}")

    def wait_gone(self, target: Object) -> None:
        self.wait(lambda: self.kube.find(target) is None, f"{target['kind']} {target['metadata']['name']} is gone")

    def wait_status(self, told: Callable[[Object], bool], what: str) -> None:
        self.wait(lambda: told(self.kube.read(self.config()).get("status", {})), what)

    def wait_ready(self, status: str = "True", reason: str = "Serving") -> None:
        def told(found: Object) -> bool:
            conditions = found.get("conditions", [])
            return ("Ready", status, reason) in [(each["type"], each["status"], each["reason"]) for each in conditions]

        self.wait_status(told, f"Ready is {status} with {reason}")


Scenario = Callable[[Stage], None]


def a_model_is_served(stage: Stage) -> None:
    stage.kube.create(stage.config())
    stage.wait_ready()


def an_old_workload_is_taken_away(stage: Stage) -> None:
    a_model_is_served(stage)
    [old] = stage.kube.list("apps/v1", "Deployment", stage.namespace)
    stage.kube.merge(stage.config(), {"spec": {"engine": {"image": "example.invalid/engine:2"}}})
    stage.wait_gone(stage.named("apps/v1", "Deployment", old["metadata"]["name"]))


def an_old_revision_is_forgotten(stage: Stage) -> None:
    a_model_is_served(stage)
    for number in (2, 3, 4):
        stage.kube.merge(stage.config(), {"spec": {"generation": {"defaults": {"temperature": number / 4}}}})
        stage.wait_status(partial(_knows_revision, number), f"revision {number}")
    stage.wait_gone(stage.named("apps/v1", "ControllerRevision", "m-r1"))


def _knows_revision(number: int, status: Object) -> bool:
    return status.get("latestRevision") == number


STANDING = {
    "services": ("v1", "Service"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudget"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
}


def a_model_goes_to_a_provider(stage: Stage) -> None:
    a_model_is_served(stage)
    external = {"provider": "openai-compatible", "model": "any", "baseURL": "https://a.example.com"}
    stage.kube.merge(stage.config(), {"spec": {"source": None, "external": external}})
    for version, kind in STANDING.values():
        stage.wait_gone(stage.named(version, kind))
    stage.wait_ready()


def a_claim_that_is_not_there_is_told(stage: Stage) -> None:
    stage.kube.create(stage.config(source={"pvc": {"claimName": "weights", "path": "model.gguf"}}))
    stage.wait_ready("False", "ClaimMissing")


def weights_on_a_claim_are_inspected_until_another_source_is_named(stage: Stage) -> None:
    stage.kube.create(stage.config(**_on_a_claim(stage)))
    [job] = stage.wait(lambda: stage.kube.list("batch/v1", "Job", stage.namespace), "a Job inspects")
    stage.kube.merge(stage.config(), {"spec": {"source": {"pvc": None, **stage.config()["spec"]["source"]}}})
    stage.wait_gone(stage.named("batch/v1", "Job", job["metadata"]["name"]))


def _on_a_claim(stage: Stage) -> Object:
    """What a spec says of weights on a claim that is there."""
    stage.kube.create(objects.claim(stage.namespace, "weights"))
    return {"source": {"pvc": {"claimName": "weights", "path": "model.gguf"}}}


def a_credential_that_is_not_there_is_told(stage: Stage) -> None:
    hub = {"repository": "example/model", "file": "model.gguf"}
    stage.kube.create(stage.config(source={"huggingFace": hub, "credential": {"secretName": "token"}}))
    stage.wait_ready("False", "SecretMissing")


def a_key_is_told_what_became_of_it(stage: Stage) -> None:
    key = model_key({"hash": secrets.token_hex(32)}, "m", stage.namespace)
    stage.kube.create(key)

    def told() -> bool:
        conditions = stage.kube.read(key).get("status", {}).get("conditions", [])
        return ("Ready", "True") in [(each["type"], each["status"]) for each in conditions]

    stage.wait(told, "the key says that it opens something")


def a_name_that_a_stranger_has_is_used_when_it_is_free(stage: Stage, stranger: Stranger) -> None:
    config = stage.config(**(_on_a_claim(stage) if stranger.on_a_claim else {}))
    name = stranger.name or _name_in_a_first_life(stage, config, stranger)
    other = {**stage.named(stranger.api_version, stranger.kind, name), **stranger.content}
    stage.kube.create(other)
    stage.kube.create(config)
    stage.wait_ready("False", "NameTaken")
    stage.kube.delete(other)
    stage.wait(lambda: stranger.ours(stage), f"the {stranger.kind} is ours")


def _name_in_a_first_life(stage: Stage, config: Object, stranger: Stranger) -> str:
    """A name that holds a hash is the same for the same model."""
    stage.kube.create(config)
    [child] = stage.wait(lambda: stranger.ours(stage), f"a {stranger.kind}")
    name = str(child["metadata"]["name"])
    stage.kube.delete(config)
    stage.wait_gone(stage.named(stranger.api_version, stranger.kind, name))
    return name


@dataclass(frozen=True)
class Stranger:
    """An object of somebody else, under a name that a model needs."""

    api_version: str
    kind: str
    content: Object
    name: str = "m"
    on_a_claim: bool = False

    def ours(self, stage: Stage) -> list[Object]:
        """Of this kind, those of the model."""
        return stage.kube.list(self.api_version, self.kind, stage.namespace, f"{names.LABEL_MODELCONFIG}=m")


_POD = objects.pod("any", "other", "example.invalid/other:1")["spec"]
_LABELS = {"app": "other"}
STRANGERS = {
    "services": Stranger("v1", "Service", {"spec": {"ports": [{"port": 80}], "selector": _LABELS}}),
    "serviceaccounts": Stranger("v1", "ServiceAccount", {}),
    "poddisruptionbudgets": Stranger("policy/v1", "PodDisruptionBudget", {"spec": {"maxUnavailable": 1}}),
    "networkpolicies": Stranger("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}}}),
    "controllerrevisions": Stranger("apps/v1", "ControllerRevision", {"revision": 1, "data": {}}, name="m-r1"),
    "deployments": Stranger(
        "apps/v1",
        "Deployment",
        {"spec": {"selector": {"matchLabels": _LABELS}, "template": {"metadata": {"labels": _LABELS}, "spec": _POD}}},
        name="",
    ),
    "jobs": Stranger(
        "batch/v1",
        "Job",
        {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
        name="",
        on_a_claim=True,
    ),
}

# By the name under which a test shows it.
SCENARIOS: dict[str, Scenario] = {
    "a model is served": a_model_is_served,
    "a model goes to a provider": a_model_goes_to_a_provider,
    "an old workload is taken away": an_old_workload_is_taken_away,
    "an old revision is forgotten": an_old_revision_is_forgotten,
    "a claim that is not there is told": a_claim_that_is_not_there_is_told,
    "weights on a claim are inspected": weights_on_a_claim_are_inspected_until_another_source_is_named,
    "a credential that is not there is told": a_credential_that_is_not_there_is_told,
    "a key is told what became of it": a_key_is_told_what_became_of_it,
    **{
        f"a name among {resource} becomes free": partial(
            a_name_that_a_stranger_has_is_used_when_it_is_free, stranger=stranger
        )
        for resource, stranger in STRANGERS.items()
    },
}
