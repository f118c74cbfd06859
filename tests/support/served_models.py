"""Models of the test engine, which a real operator serves on a real node, and what their status says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from tests.support import engine_image, objects
from tests.support.kube import Kube
from tests.support.model_configs import merged, model_config
from tests.support.objects import Object
from tests.support.operators import Operators
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

SECONDS = 30
_ON_ITS_WAY = (
    Reason.SIZING,
    Reason.SCHEDULING,
    Reason.STARTING,
    Reason.DOWNLOADING,
    Reason.LOADING,
    Reason.PROVING,
    Reason.REVISION_STARTING,
)


@dataclass
class Model:
    """A ModelConfig in the cluster, and what its status says."""

    kube: Kube
    config: Object
    stages: list[Reason] = field(default_factory=list)

    def condition(self, kind: str) -> Object:
        """As it was said of the spec that is there now."""
        found = self.kube.read(self.config)
        known = found.get("status", {}).get("conditions", [])
        said = (each for each in known if each["observedGeneration"] == found["metadata"]["generation"])
        return next((each for each in said if each["type"] == kind), {"status": "", "reason": "", "message": ""})

    def trouble(self) -> Finding | None:
        ready = self.condition("Ready")
        if ready["status"] != "False" or ready["reason"] in _ON_ITS_WAY:
            return None
        return Finding(reason_of(ready["reason"]), ready["message"])

    def named(self, seconds: float = SECONDS) -> Finding:
        """The first trouble that is told: with its fix, and Stalled exactly where waiting is no use."""
        found = wait_until(self.trouble, seconds, lambda: f"a trouble is named, not only {self.condition('Ready')}")
        assert found is not None
        assert found.reason.fix in found.message
        assert (self.condition("Stalled")["status"] == "True") is found.reason.needs_change
        return found

    def ready(self, seconds: float = SECONDS) -> None:
        """On the way there is no trouble, and the stages are noted."""

        def there() -> bool:
            assert self.trouble() is None
            stage = self.condition("Reconciling")["reason"]
            if stage and self.stages[-1:] != [stage]:
                self.stages.append(reason_of(stage))
            return bool(self.condition("Ready")["status"] == "True")

        wait_until(there, seconds, lambda: f"the model is ready, not {self.condition('Ready')}")

    def rests(self) -> None:
        """Nothing is left but what serves."""

        def alone() -> bool:
            workloads = self.kube.list("apps/v1", "Deployment", self._namespace, self._label)
            return len(workloads) == len(self.pods()) == 1

        wait_until(alone, SECONDS, lambda: f"one pod is left, not {[pod['metadata']['name'] for pod in self.pods()]}")

    def pods(self) -> list[Object]:
        return self.kube.list("v1", "Pod", self._namespace, self._label)

    def change(self, change: Object) -> None:
        self.kube.merge(self.config, {"spec": change})

    def go_back(self) -> None:
        """To the spec that it was made with."""
        self.kube.replace({**self.kube.read(self.config), "spec": self.config["spec"]})

    @property
    def _namespace(self) -> str:
        return str(self.config["metadata"]["namespace"])

    @property
    def _label(self) -> str:
        return f"{names.LABEL_MODELCONFIG}={self.config['metadata']['name']}"


def told(container: str, act: str) -> Object:
    """The change of a spec that tells a container of ours how to fail."""
    return {"podTemplate": {"spec": {"containers": [{"name": container, "env": [{"name": "ACT", "value": act}]}]}}}


@pytest.fixture(scope="module")
def engine(cluster: ProcessCluster) -> str:
    """The image of the test engine, on every node."""
    return engine_image.loaded_into(cluster)


@pytest.fixture(scope="module")
def served(
    cluster: ProcessCluster,
    kube: Kube,
    definition: Object,
    engine: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A namespace that one operator serves for all tests here: it takes longer to start than a trouble to be told."""
    name = f"trouble-{secrets.token_hex(3)}"
    kube.create(objects.namespace(name))
    kube.wait(objects.service_account(name), lambda _: True, SECONDS, f"the service account of {name}")
    configuration: Object = {
        "images": {"plimsoll": engine},
        "profiles": [{"name": "cpu"}, {"name": "gpu", "gpu": {"memory": "24Gi"}}],
        "proof": "prompt",
    }
    with Operators(cluster, name, tmp_path_factory.mktemp("operator")) as operators:
        operators.start(configuration=configuration)
        yield name
        operators.end()
    kube.delete(objects.namespace(name))


@pytest.fixture
def model(kube: Kube, served: str, engine: str, weights: str) -> Iterator[Callable[[Object], Model]]:
    """Makes a model of the test engine, from a change of its spec; an operator does the rest."""
    made: list[Object] = []

    def make(change: Object) -> Model:
        spec = merged(model_spec(engine, weights), change)
        made.append(kube.create(model_config(spec, f"chat-{secrets.token_hex(3)}", served)))
        return Model(kube, made[-1])

    yield make
    for config in made:
        kube.delete(config)


def reason_of(name: str) -> Reason:
    return next(each for each in Reason if each.value == name)


def model_spec(image: str, weights: str) -> Object:
    """Of the test engine, small enough for many on a node."""
    return {
        "source": {"http": {"url": weights}, "sha256": "0" * 64},
        "engine": {"name": "llamacpp", "image": image},
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "1", "memory": "64Mi"},
            "storage": "64Mi",
        },
        "podTemplate": {"spec": {"terminationGracePeriodSeconds": 5}},
    }
