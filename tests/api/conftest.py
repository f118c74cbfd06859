"""The cluster of the api tier: it starts with the tier's first test and goes down after the last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instances import running
from tests.support.kube import Kube
from tools.cluster.cluster import ProcessCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[ProcessCluster]:
    with running("test-api", shape="api") as cluster:
        yield cluster


@pytest.fixture(scope="package")
def kube(cluster: ProcessCluster) -> Iterator[Kube]:
    kube = Kube(cluster.kubeconfig)
    yield kube
    kube.close()
