"""A custom resource definition with CEL rules is accepted, and its rules are enforced in their own words."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.kube import Kube, Object, RefusedError
from tests.support.waiting import wait_until

TOO_HEAVY = "load must not exceed capacity: lower load or raise capacity"
HULL_IS_FIXED = "hull cannot change: create another vessel"


@dataclass(frozen=True)
class Vessels:
    """A kind that only one test knows."""

    group: str
    namespace: str

    def definition(self, load_rule: str = "self.load <= self.capacity") -> Object:
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"vessels.{self.group}"},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": {"kind": "Vessel", "plural": "vessels", "singular": "vessel", "listKind": "VesselList"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": _schema(load_rule)},
                    }
                ],
            },
        }

    def one(self, **spec: object) -> Object:
        return {
            "apiVersion": f"{self.group}/v1",
            "kind": "Vessel",
            "metadata": {"name": "clipper", "namespace": self.namespace},
            "spec": spec,
        }


def _schema(load_rule: str) -> Object:
    fixed = [{"rule": "self == oldSelf", "message": HULL_IS_FIXED}]
    fields = {
        "capacity": {"type": "integer", "default": 100},
        "load": {"type": "integer"},
        "hull": {"type": "string", "maxLength": 20, "x-kubernetes-validations": fixed},
    }
    within = [{"rule": load_rule, "message": TOO_HEAVY}]
    spec = {"type": "object", "required": ["load"], "properties": fields, "x-kubernetes-validations": within}
    return {"type": "object", "required": ["spec"], "properties": {"spec": spec}}


@pytest.fixture
def unknown(namespace: str) -> Vessels:
    return Vessels(f"{secrets.token_hex(4)}.test.plimsoll.dev", namespace)


@pytest.fixture
def vessels(kube: Kube, unknown: Vessels) -> Iterator[Vessels]:
    definition = unknown.definition()
    kube.create(definition)
    kube.wait(definition, _established, 10, "the definition is established")
    wait_until(lambda: kube.serves(f"{unknown.group}/v1", "Vessel"), 10, "the new kind is served")
    yield unknown
    kube.delete(definition)


def _established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def test_an_object_that_keeps_the_rules_is_stored_with_its_defaults(kube: Kube, vessels: Vessels) -> None:
    kube.create(vessels.one(load=100))
    assert kube.read(vessels.one())["spec"] == {"load": 100, "capacity": 100}


def test_an_object_that_breaks_a_rule_is_refused_in_the_words_of_the_rule(kube: Kube, vessels: Vessels) -> None:
    with pytest.raises(RefusedError) as refusal:
        kube.create(vessels.one(load=101))
    assert refusal.value.status == 422
    assert TOO_HEAVY in refusal.value.message
    assert kube.find(vessels.one()) is None


def test_a_field_with_a_transition_rule_keeps_its_first_value(kube: Kube, vessels: Vessels) -> None:
    kube.create(vessels.one(load=1, hull="oak"))
    with pytest.raises(RefusedError) as refusal:
        kube.merge(vessels.one(), {"spec": {"hull": "iron"}})
    assert refusal.value.status == 422
    assert HULL_IS_FIXED in refusal.value.message
    assert kube.merge(vessels.one(), {"spec": {"load": 2}})["spec"]["hull"] == "oak"


def test_a_definition_whose_rule_does_not_compile_is_refused(kube: Kube, unknown: Vessels) -> None:
    with pytest.raises(RefusedError) as refusal:
        kube.create(unknown.definition(load_rule="self.load <= self.draught"))
    assert refusal.value.status == 422
    assert "undefined field 'draught'" in refusal.value.message
