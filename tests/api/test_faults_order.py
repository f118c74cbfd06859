"""Whatever comes first, the operator included, what is there in the end is the same."""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from plimsoll.api import names
from tests.support import objects, world_differ
from tests.support.gguf_models import small
from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.model_server import Content, ModelServer, model_server, own_address
from tests.support.operated import TOLD_SECONDS, Model
from tests.support.operators import Operators, usual_configuration
from tests.support.waiting import wait_until
from tests.support.world_differ import World
from tools.cluster.cluster import ProcessCluster

pytestmark = pytest.mark.long

_STEPS = ("model", "secret", "profile", "operator")
ORDERS = list(itertools.permutations(_STEPS))
_PROFILES = [{"name": "cpu"}, {"name": "new"}]


@pytest.fixture(scope="module")
def bucket() -> Iterator[ModelServer]:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    with model_server(address) as server:
        server.add_bucket("weights", {"tiny.gguf": Content.of(small())})
        yield server


@dataclass(frozen=True)
class Site:
    """A namespace in which nothing is yet."""

    kube: Kube
    namespace: str
    operators: Operators
    folder: Path
    bucket: ModelServer

    def build(self, order: tuple[str, ...]) -> World:
        """Everything in this order; what there is once the model is accepted and the operator rests."""
        operator = self.operators.make()
        known = {**usual_configuration(), "profiles": _PROFILES}

        def profile() -> None:
            (self.folder / "operator.yaml").write_text(yaml.safe_dump(known))

        source = {"bucket": "weights", "key": "tiny.gguf", "endpoint": self.bucket.base}
        spec = {
            "source": {"s3": source, "credential": {"secretName": "key"}},
            "hardware": {"profile": "new"},
            "scaling": {"replicas": 0},
        }
        model = Model(self.kube, model_config(spec, namespace=self.namespace))
        steps: dict[str, Callable[[], object]] = {
            "model": model.create,
            "secret": lambda: self.kube.create(self._secret()),
            "profile": profile,
            "operator": operator.start,
        }
        for step in order:
            steps[step]()
            if operator.process.alive and step != "operator":
                # As slowly as somebody applies them by hand, so that each step is judged by itself.
                operator.rest()
        model.is_accepted()
        wait_until(lambda: model.conditions()["Ready"] == ("True", "AtZero"), TOLD_SECONDS, "it is at zero")
        operator.rest()
        return world_differ.look(self.kube, self.namespace)

    def _secret(self) -> Object:
        data = {"accessKeyId": "an-id", "secretAccessKey": "a-secret", "hosts": self.bucket.host}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "key", "namespace": self.namespace, "labels": {names.LABEL_CREDENTIAL: "true"}},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }


@pytest.fixture(scope="module")
def usual(
    cluster: ProcessCluster,
    kube: Kube,
    definition: Object,
    bucket: ModelServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    """What there is when all is ready before its turn."""
    namespace, folder = f"usual-{secrets.token_hex(4)}", tmp_path_factory.mktemp("usual")
    kube.create(objects.namespace(namespace))
    with Operators(cluster, namespace, folder) as operators:
        world = Site(kube, namespace, operators, folder, bucket).build(("secret", "profile", "operator", "model"))
        operators.end()
    return world


@pytest.mark.kill_points("order", ORDERS, short=2)
def test_any_order_of_applying_ends_in_the_same_state(
    *,
    order: tuple[str, ...],
    usual: World,
    kube: Kube,
    namespace: str,
    operators: Operators,
    bucket: ModelServer,
    tmp_path: Path,
) -> None:
    world = Site(kube, namespace, operators, tmp_path, bucket).build(order)
    assert usual.differences(world) == []
