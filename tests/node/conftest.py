"""The cluster of the node tier: two real nodes, up from the tier's first test that needs them to its last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instances import running
from tests.support.kube import Kube
from tools.cluster.cluster import ProcessCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[ProcessCluster]:
    with running("test", shape="node", nodes=2) as cluster:
        yield cluster


@pytest.fixture(scope="package")
def kube(cluster: ProcessCluster) -> Iterator[Kube]:
    kube = Kube(cluster.kubeconfig)
    yield kube
    kube.close()


@pytest.fixture(scope="package")
def image(cluster: ProcessCluster) -> str:
    """The small program that test pods run."""
    return cluster.probe_image
