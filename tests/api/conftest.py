"""The cluster of the api tier: it starts with the tier's first test and goes down after the last."""

from __future__ import annotations

from tests.support.instances import shared_cluster, shared_definition, shared_kube

cluster = shared_cluster("test-api", shape="api")
kube = shared_kube()
definition = shared_definition()
