"""Two managers of one object: each owns its fields, and a clash names the other."""

from __future__ import annotations

import pytest

from tests.support.kube import Kube, RefusedError
from tests.support.objects import config_map


def test_two_managers_share_an_object_when_their_fields_differ(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, "shared", colour="red"), manager="git")
    kube.apply(config_map(namespace, "shared", size="big"), manager="hand")
    assert kube.read(config_map(namespace, "shared"))["data"] == {"colour": "red", "size": "big"}


def test_a_second_manager_of_the_same_field_is_refused_and_told_whose_it_is(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, "shared", colour="red"), manager="git")
    with pytest.raises(RefusedError) as refusal:
        kube.apply(config_map(namespace, "shared", colour="blue"), manager="hand")
    assert refusal.value.status == 409
    assert 'conflict with "git"' in refusal.value.message
    assert kube.read(config_map(namespace, "shared"))["data"] == {"colour": "red"}


def test_force_moves_the_field_to_the_second_manager(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, "shared", colour="red"), manager="git")
    kube.apply(config_map(namespace, "shared", colour="blue"), manager="hand", force=True)
    found = kube.read(config_map(namespace, "shared"))
    assert found["data"] == {"colour": "blue"}
    owners = {entry["manager"] for entry in found["metadata"]["managedFields"]}
    assert owners == {"hand"}


def test_a_field_that_its_manager_no_longer_applies_is_removed(kube: Kube, namespace: str) -> None:
    kube.apply(config_map(namespace, "shared", colour="red", size="big"), manager="git")
    kube.apply(config_map(namespace, "shared", colour="red"), manager="git")
    assert kube.read(config_map(namespace, "shared"))["data"] == {"colour": "red"}
