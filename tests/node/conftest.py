"""The cluster of the node tier: two real nodes, up from the tier's first test that needs them to its last."""

from __future__ import annotations

import pytest

from tests.support.instances import shared_cluster, shared_definition, shared_kube
from tools.cluster.cluster import ProcessCluster

cluster = shared_cluster("test", shape="node", nodes=2)
kube = shared_kube()
definition = shared_definition()


@pytest.fixture(scope="package")
def image(cluster: ProcessCluster) -> str:
    """The small program that test pods run."""
    return cluster.probe_image
