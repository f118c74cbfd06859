"""The memory that the operator predicts is the memory that an engine takes: real pods, every slot full."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import engine_image, models, pods
from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.model_server import Content, model_server, own_address
from tests.support.operators import Operators
from tests.support.pod_memory import taken_by
from tests.support.served_models import Model
from tools.cluster.cluster import ProcessCluster
from tools.images.recipes import RECIPES

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("CI") != "true" and not (shutil.which("buildah") and shutil.which("mmdebstrap")),
        reason="needs buildah and mmdebstrap",
    ),
]
_CONTEXT, _PARALLEL = 512, 4
_ANSWER = 16
_TOLERANCE = 0.1


@dataclass(frozen=True)
class Stage:
    cluster: ProcessCluster
    kube: Kube
    namespace: str

    def serve(self, url: str, weights: bytes) -> Model:
        spec = {
            "source": {"http": {"url": url}, "sha256": hashlib.sha256(weights).hexdigest()},
            "context": _CONTEXT,
            "parallel": _PARALLEL,
        }
        return Model(self.kube, self.kube.create(model_config(spec, "measured", self.namespace)))

    def ask(self, model: Model, number: int) -> Object:
        """A prompt that fills the context of one request, unlike those of the others from its first token on."""
        prompt = [3 + number] * (_CONTEXT - _ANSWER)
        asked = {"model": "measured", "prompt": prompt, "max_tokens": _ANSWER, "temperature": 0}
        (pod,) = model.pods()
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}:8080/proxy/v1/completions"
        answer: Object = json.loads(
            self.cluster.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(asked))
        )
        return answer


@pytest.fixture
def stage(cluster: ProcessCluster, kube: Kube, namespace: str, operators: Operators) -> Stage:
    images = {
        "plimsoll": engine_image.loaded_into(cluster, RECIPES["plimsoll"]),
        "llamacpp": engine_image.loaded_into(cluster, RECIPES["engine"]),
    }
    operators.start(configuration={"images": images, "profiles": [{"name": "cpu", "cpu": "1"}], "proof": "prompt"})
    return Stage(cluster, kube, namespace)


def _file(name: str) -> Path:
    size, _, file_type = name.partition(" ")
    return models.quantised_file(size, file_type) if file_type else models.random_file(size)


@pytest.mark.parametrize("name", ["small", "mid", "mid Q8_0", "mid Q4_K_M"])
def test_a_full_pod_takes_what_was_predicted_to_a_tenth(stage: Stage, engine_home: Path, name: str) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no pod fetches")
    with model_server(address) as server:
        weights = _file(name).read_bytes()
        model = stage.serve(server.add("/model.gguf", Content.text(weights)), weights)
        model.ready(seconds=180)
        with ThreadPoolExecutor(_PARALLEL) as callers:
            answers = list(callers.map(lambda number: stage.ask(model, number), range(_PARALLEL)))
        assert [each["usage"]["total_tokens"] for each in answers] == [_CONTEXT] * _PARALLEL
        (pod,) = (each for each in model.pods() if pods.ready(each))
        sizing = stage.kube.read(model.config)["status"]["sizing"]
        # The margin is for what nobody has seen yet.
        predicted = sum(part["bytes"] for part in sizing["parts"] if part["name"] != "margin")
        assert predicted == pytest.approx(taken_by(pod, "engine"), rel=_TOLERANCE)
