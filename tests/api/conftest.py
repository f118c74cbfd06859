"""The cluster of the api tier: it starts with the tier's first test and goes down after the last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition
from tests.support.instances import running
from tests.support.kube import Kube, Object
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.generate.definition import definition_text


@pytest.fixture(scope="package")
def cluster() -> Iterator[ProcessCluster]:
    with running("test-api", shape="api") as cluster:
        yield cluster


@pytest.fixture(scope="package")
def kube(cluster: ProcessCluster) -> Iterator[Kube]:
    kube = Kube(cluster.kubeconfig)
    yield kube
    kube.close()


@pytest.fixture(scope="package")
def definition(cluster: ProcessCluster, kube: Kube) -> Iterator[Object]:
    """ModelConfigs are served."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definition_text())
    target = custom_resource_definition()
    kube.wait(target, lambda found: _says(found, "Established"), 10, "the definition is established")
    wait_until(lambda: kube.serves(names.API_VERSION, names.KIND), 10, "ModelConfig is served")
    yield kube.read(target)
    kube.delete(target)
    kube.wait_gone(target, 20)


def _says(definition: Object, condition: str) -> bool:
    return any(
        each["type"] == condition and each["status"] == "True"
        for each in definition.get("status", {}).get("conditions") or []
    )
