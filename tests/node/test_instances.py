"""Two clusters stand side by side on one machine and know nothing of each other."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.support import objects, pods
from tests.support.instances import running
from tests.support.kube import Kube
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster


def _serve(kube: Kube, namespace: str, image: str) -> set[str]:
    kube.create(objects.service(namespace, "web"))
    replicas = pods.start_replicas(kube, objects.deployment(namespace, "web", image, replicas=2))
    return {pod["metadata"]["name"] for pod in replicas}


@pytest.mark.long
def test_two_instances_have_pods_and_services_of_their_own(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    ours = _serve(kube, namespace, image)
    caller = pods.caller(kube, namespace, image)
    with running("test-twin", shape="node") as twin, closing(Kube(twin.kubeconfig)) as twin_kube:
        # The same names everywhere: whatever the two share would mix them up.
        twin_kube.create(objects.namespace(namespace))
        account = objects.service_account(namespace)
        wait_until(lambda: twin_kube.find(account), 30, "the service account of the twin's namespace")
        theirs = _serve(twin_kube, namespace, image)
        twin_caller = pods.caller(twin_kube, namespace, image)
        assert pods.callers_see(cluster, caller, "http://web/", count=2) == ours
        assert pods.callers_see(twin, twin_caller, "http://web/", count=2) == theirs
        assert ours.isdisjoint(theirs)
    assert cluster.status().healthy
    assert pods.callers_see(cluster, caller, "http://web/", count=2) == ours
