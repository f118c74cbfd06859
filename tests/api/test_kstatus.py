"""What kstatus says of a ModelConfig as the API server hands it out."""

from __future__ import annotations

from tests.support.kstatus import Kstatus
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, model_config


def test_a_model_that_nobody_has_looked_at_is_in_progress(
    kube: Kube, definition: Object, namespace: str, kstatus: Kstatus
) -> None:
    wanted = model_config(base("hosted"), namespace=namespace)
    kube.create(wanted)
    assert kstatus.verdict(kube.read(wanted)).status == "InProgress"


def test_a_status_that_speaks_of_the_object_as_it_was_is_in_progress(
    kube: Kube, definition: Object, namespace: str, kstatus: Kstatus
) -> None:
    wanted = model_config(base("hosted"), namespace=namespace)
    kube.create(wanted)
    kube.merge(wanted, {"status": {"observedGeneration": 1}}, subresource="status")
    assert kstatus.verdict(kube.read(wanted)).status == "Current"
    kube.merge(wanted, {"spec": {"context": 2048}})
    assert kstatus.verdict(kube.read(wanted)).status == "InProgress"
