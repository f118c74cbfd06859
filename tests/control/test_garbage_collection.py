"""Children follow their owner, and only their owner."""

from __future__ import annotations

from tests.support.kube import Kube
from tests.support.objects import config_map, owned_by

_SECONDS = 30


def test_a_child_goes_with_its_owner_and_a_stranger_stays(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    child = kube.create(owned_by(owner, config_map(namespace, "child")))
    grandchild = kube.create(owned_by(child, config_map(namespace, "grandchild")))
    stranger = kube.create(config_map(namespace, "stranger"))
    kube.delete(owner)
    kube.wait_gone(child, _SECONDS)
    kube.wait_gone(grandchild, _SECONDS)
    assert kube.find(stranger) is not None


def test_an_orphaned_child_stays_and_forgets_its_owner(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    child = kube.create(owned_by(owner, config_map(namespace, "child")))
    kube.delete(owner, propagation="Orphan")
    kube.wait_gone(owner, _SECONDS)
    assert "ownerReferences" not in kube.read(child)["metadata"]
