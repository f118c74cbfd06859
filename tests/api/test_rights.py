"""RBAC decides, and its refusals name the user, the verb and the place."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.support.kube import Kube, RefusedError
from tests.support.objects import config_map
from tests.support.rights import grant


def test_a_user_without_any_role_may_not_even_read(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "chart"))
    with closing(kube.acting_as("stowaway")) as stowaway, pytest.raises(RefusedError) as refusal:
        stowaway.read(config_map(namespace, "chart"))
    assert refusal.value.status == 403
    assert 'User "stowaway" cannot get resource "configmaps"' in refusal.value.message


def test_a_reader_reads_and_may_not_write(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "chart", sea="north"))
    grant(kube, namespace, "reader", ["get"], "configmaps")
    with closing(kube.acting_as("reader")) as reader:
        assert reader.read(config_map(namespace, "chart"))["data"] == {"sea": "north"}
        with pytest.raises(RefusedError) as refusal:
            reader.merge(config_map(namespace, "chart"), {"data": {"sea": "south"}})
    assert refusal.value.status == 403
    assert kube.read(config_map(namespace, "chart"))["data"] == {"sea": "north"}


def test_a_role_ends_at_its_namespace(kube: Kube, namespace: str) -> None:
    grant(kube, namespace, "mate", ["create"], "configmaps")
    with closing(kube.acting_as("mate")) as mate:
        mate.create(config_map(namespace, "chart"))
        with pytest.raises(RefusedError) as refusal:
            mate.create(config_map("default", "chart"))
    assert refusal.value.status == 403
    assert 'in the namespace "default"' in refusal.value.message
