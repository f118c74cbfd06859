"""A thousand ModelConfigs are made in a moment."""

from __future__ import annotations

from tests.support.bulk import bulk, create_all
from tests.support.form import Form
from tests.support.kube import Kube, Object
from tools.cluster.cluster import ProcessCluster


def test_all_of_them_are_there(
    cluster: ProcessCluster, kube: Kube, definition: Object, namespace: str, form: Form
) -> None:
    wanted = bulk(form.count(small=40, large=5000), namespace)
    create_all(cluster.kubeconfig, wanted)
    found = kube.list("plimsoll.dev/v1alpha1", "ModelConfig", namespace)
    assert {each["metadata"]["name"] for each in found} == {each["metadata"]["name"] for each in wanted}
