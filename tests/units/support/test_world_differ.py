"""Two worlds that are the same in everything that matters have no differences, and any other difference is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.world_differ import IGNORED_PATHS, PATTERNS, UNORDERED, World, normal_form, world_of

Object = dict[str, Any]

_UID = "0f8fad5b-d9cb-469f-a165-70867728950e"
_OTHER_UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def _deployment(namespace: str, uid: str = _UID, time: str = "2026-11-21T08:00:00Z") -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "whale",
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": uid[:4],
            "creationTimestamp": time,
            "generation": 2,
            "annotations": {"plimsoll.dev/intent": uid, "kept": "yes"},
            "ownerReferences": [{"kind": "ModelConfig", "name": "whale", "uid": uid}],
            "managedFields": [
                {"manager": "a", "time": time, "fieldsV1": {f'k:{{"uid":"{uid}"}}': {}}},
                {"manager": "b", "time": time},
            ],
        },
        "spec": {"replicas": 1, "template": {"env": [{"name": "URL", "value": f"http://whale.{namespace}.svc"}]}},
        "status": {"conditions": [{"type": "A", "lastTransitionTime": time}, {"type": "B"}]},
    }


def _differences(here: list[Object], there: list[Object]) -> list[str]:
    return world_of(here, "sea").differences(world_of(there, "lake"))


def test_worlds_that_differ_by_nature_only_are_the_same() -> None:
    other = _deployment("lake", _OTHER_UID, "2027-01-01T00:00:00.123456+01:00")
    other["metadata"]["managedFields"].reverse()
    other["status"]["conditions"].reverse()
    assert _differences([_deployment("sea")], [other]) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("spec.replicas", 2, "~ Deployment whale .spec.replicas: 1 became 2"),
        ("spec.replicas", "1", '~ Deployment whale .spec.replicas: 1 became "1"'),
        ("spec.replicas", True, "~ Deployment whale .spec.replicas: 1 became true"),
        ("metadata.generation", 3, "~ Deployment whale .metadata.generation: 2 became 3"),
        ("spec.paused", True, "+ Deployment whale .spec: paused: true"),
        ("spec.template.env", [], "~ Deployment whale .spec.template.env"),
    ],
)
def test_every_other_difference_is_named(path: str, value: object, told: str) -> None:
    other = _deployment("lake")
    *above, last = path.split(".")
    node = other
    for key in above:
        node = node[key]
    node[last] = value
    (difference,) = _differences([_deployment("sea")], [other])
    assert difference.startswith(told)


def test_a_removed_field_is_named() -> None:
    other = _deployment("lake")
    del other["metadata"]["annotations"]["kept"]
    assert _differences([_deployment("sea")], [other]) == ['- Deployment whale .metadata.annotations: kept: "yes"']


def test_extra_and_lacking_objects_are_named() -> None:
    squid = copy.deepcopy(_deployment("sea"))
    squid["metadata"]["name"] = "squid"
    assert _differences([_deployment("sea")], []) == ["- Deployment whale"]
    assert _differences([], [_deployment("lake")]) == ["+ Deployment whale"]
    assert _differences([_deployment("sea"), squid], [_deployment("lake")]) == ["- Deployment squid"]


def test_objects_with_a_generated_name_are_told_apart_by_what_they_are() -> None:
    def pods(namespace: str, *names: str) -> list[Object]:
        return [
            {
                "kind": "Pod",
                "metadata": {"name": f"whale-{name}", "generateName": "whale-", "namespace": namespace},
                "spec": {"nodeName": name},
            }
            for name in names
        ]

    assert _differences(pods("sea", "abc", "def"), pods("lake", "xyz", "uvw")) == []
    assert _differences(pods("sea", "abc"), pods("lake", "xyz", "uvw")) == ["+ Pod whale-*"]


def test_events_and_leases_are_no_part_of_a_world() -> None:
    event = {"kind": "Event", "metadata": {"name": "whale.1"}}
    assert world_of([event, {**event, "kind": "Lease"}], "sea") == World({})


def test_the_name_of_the_namespace_inside_another_word_stays() -> None:
    found = {"metadata": {"name": "seaside"}, "spec": {"a": "sea", "b": "sea-side", "c": "x.sea.svc", "d": "overseas"}}
    normal = normal_form(found, "sea")
    assert normal["metadata"]["name"] == "seaside"
    assert list(normal["spec"].values()) == ["<namespace>", "sea-side", "x.<namespace>.svc", "overseas"]


def test_whatever_is_ignored_has_its_reason() -> None:
    assert all(IGNORED_PATHS.values())
    assert all(UNORDERED.values())
    assert all(reason for _, _, reason in PATTERNS)
