"""Models of our own engine: its real image, the real Plimsoll to fetch for it, and a real operator for both."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import engine_image, pods
from tests.support.kube import Kube
from tests.support.model_configs import merged, model_config
from tests.support.model_server import Content, ModelServer, model_server, own_address
from tests.support.operators import Operators
from tests.support.served_models import Model
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.images.recipes import RECIPES

Object = dict[str, Any]

START_SECONDS = 90.0
_COMPONENT = "app.kubernetes.io/component"
_SPEC: Object = {"context": 512, "parallel": 4, "resources": {"requests": {"cpu": "10m"}}}


@dataclass(frozen=True)
class Images:
    plimsoll: str
    engine: str

    def configuration(self) -> Object:
        images = {"plimsoll": self.plimsoll, "llamacpp": self.engine}
        return {"images": images, "profiles": [{"name": "cpu", "cpu": "1"}], "proof": "prompt"}


@pytest.fixture(scope="package")
def real_images(cluster: ProcessCluster) -> Images:
    """On every node."""
    plimsoll = engine_image.loaded_into(cluster, RECIPES["plimsoll"])
    return Images(plimsoll, engine_image.loaded_into(cluster, RECIPES["engine"]))


@pytest.fixture
def web() -> Iterator[ModelServer]:
    """A server of weights that operators and pods may read."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    with model_server(address) as server:
        yield server


Serve = Callable[..., Model]


@pytest.fixture
def serve(kube: Kube, namespace: str, operators: Operators, real_images: Images) -> Serve:
    """`serve(source)` is a model in the namespace of the test, from a source and a change of its spec."""
    started: list[object] = []

    def make(source: Object, change: Object | None = None, configuration: Object | None = None) -> Model:
        if not started:
            started.append(operators.start(configuration=real_images.configuration() | (configuration or {})))
        spec = merged(_SPEC, {"source": source, **(change or {})})
        return Model(kube, kube.create(model_config(spec, f"boat-{secrets.token_hex(3)}", namespace)))

    return make


def on_the_web(web: ModelServer, weights: Path) -> Object:
    """The source of a model whose file is served without encryption, and so with its checksum."""
    data = weights.read_bytes()
    url = web.add(f"/{weights.name}", Content.text(data))
    return {"http": {"url": url}, "sha256": hashlib.sha256(data).hexdigest()}


def name_of(model: Model) -> str:
    return str(model.config["metadata"]["name"])


def engines(model: Model) -> list[Object]:
    """Pods that serve, or are on their way to it."""
    found = (pod for pod in model.pods() if "deletionTimestamp" not in pod["metadata"])
    return [pod for pod in found if pod["metadata"]["labels"].get(_COMPONENT) == "engine"]


def ready_engines(model: Model, count: int, seconds: float = START_SECONDS) -> list[Object]:
    def there() -> list[Object]:
        found = [pod for pod in engines(model) if pods.ready(pod)]
        return found if len(found) == count else []

    return wait_until(
        there, seconds, lambda: f"{count} pods are ready, not {[each['status'] for each in engines(model)]}"
    )


def container(pod: Object, name: str = "engine") -> Object:
    """What the kubelet says of a container; nothing before it does."""
    known = pod["status"].get("containerStatuses", [])
    return next((each for each in known if each["name"] == name), {"restartCount": 0, "state": {}})


def in_engine(cluster: ProcessCluster, pod: Object, script: str) -> Any:
    """What a Python script prints as JSON inside the container."""
    metadata = pod["metadata"]
    command = ("exec", metadata["name"], f"--namespace={metadata['namespace']}", "--container=engine", "--")
    return json.loads(cluster.kubectl(*command, "python3", "-c", script))


def base_of(pod: Object) -> str:
    """Where the pod itself is asked: this machine has a route to the pods of its nodes."""
    return f"http://{pod['status']['podIP']}:8080"


@contextmanager
def forwarded(cluster: ProcessCluster, model: Model, folder: Path) -> Iterator[str]:
    """The Service of a model at an address of this machine, as a person with kubectl has it."""
    metadata, log = model.config["metadata"], folder / "port-forward.log"
    command = [sys.executable, "-m", "tools.cluster", "kubectl", "--name", cluster.instance.name, "--"]
    words = ["port-forward", f"--namespace={metadata['namespace']}", f"service/{metadata['name']}", ":8080"]
    with log.open("w") as output:
        process = subprocess.Popen([*command, *words], stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "Forwarding from 127.0.0.1:" in log.read_text(), 20, log.read_text)
        port = log.read_text().split("127.0.0.1:")[1].split()[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
