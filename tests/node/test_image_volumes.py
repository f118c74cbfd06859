"""Weights that are packed as an image: a real node mounts them, and what it cannot pull is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from tests.support import engine_image
from tests.support.kube import Kube
from tests.support.model_configs import model_config
from tests.support.operators import Operators
from tests.support.served_models import Model
from tools.cluster.cluster import ProcessCluster
from tools.images.recipes import RECIPES

Object = dict[str, Any]

pytestmark = [
    pytest.mark.long,
    engine_image.needs_a_builder,
]
_SECONDS = 60
_NOWHERE = f"127.0.0.1:1/none@sha256:{'a' * 64}"


@dataclass(frozen=True)
class Images:
    """The real Plimsoll, which reads what is mounted, the engine of the tests, and the small model by its digest."""

    plimsoll: str
    engine: str
    model: str

    def configuration(self) -> Object:
        return {"images": {"plimsoll": self.plimsoll}, "proof": "prompt"}


@pytest.fixture(scope="module")
def images(cluster: ProcessCluster, kube: Kube) -> Images:
    engine_image.loaded_into(cluster, RECIPES["small-model"])
    return Images(
        plimsoll=engine_image.loaded_into(cluster, RECIPES["plimsoll"]),
        engine=engine_image.loaded_into(cluster),
        model=engine_image.by_digest(kube, "small-model"),
    )


def _model(kube: Kube, namespace: str, image: str, engine: str) -> Model:
    spec = {
        "source": {"oci": {"image": image, "path": "model.gguf"}},
        "engine": {"image": engine},
        "context": 256,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "1Gi"}},
    }
    return Model(kube, kube.create(model_config(spec, "packed", namespace)))


def test_weights_in_an_image_are_read_once_by_a_job_and_then_mounted(
    cluster: ProcessCluster, kube: Kube, namespace: str, operators: Operators, images: Images
) -> None:
    operators.start(configuration=images.configuration())
    model = _model(kube, namespace, images.model, images.engine)
    model.ready()
    status = kube.read(model.config)["status"]
    assert status["model"] == f"oci://{images.model}/model.gguf"
    assert {part["name"] for part in status["sizing"]["parts"]} >= {"weights", "kvCache"}
    (pod,) = (each for each in model.pods() if each["metadata"]["labels"]["app.kubernetes.io/component"] == "engine")
    assert "initContainers" not in pod["spec"]
    script = "print(open('/models/model.gguf', 'rb').read(4))"
    name = pod["metadata"]["name"]
    read = cluster.kubectl("exec", name, f"--namespace={namespace}", "-c", "engine", "--", "python3", "-c", script)
    assert read.strip() == "b'GGUF'"


def test_an_image_that_nobody_has_is_named(kube: Kube, namespace: str, operators: Operators, images: Images) -> None:
    operators.start(configuration=images.configuration())
    found = _model(kube, namespace, _NOWHERE, images.engine).named(_SECONDS)
    assert found.reason is Reason.IMAGE_PULL_FAILED
    assert _NOWHERE in found.message
