"""Which fields make a revision, which make pods, and which spellings of a spec are one and the same."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.normal import PLACES, Place, behaviour_hash, normalised, place_of, workload_hash
from plimsoll.api.parts import leaves
from tests.support.model_configs import base, leaf_table, with_value

Object = dict[str, Any]
NAMES = {"pods": Place.PODS, "policy": Place.POLICY, "nowhere": Place.NOWHERE}


def hashes(spec: Object) -> tuple[str, str]:
    return behaviour_hash(spec), workload_hash(spec)


def test_every_field_of_spec_is_in_the_table_and_nothing_else() -> None:
    fields = {path for path, _ in leaves(part_at(structural_schema(), "spec"))}
    assert fields == set(leaf_table())


@pytest.mark.parametrize("path", leaf_table())
def test_a_change_of_a_field_changes_the_hashes_of_its_place_and_no_other(path: str) -> None:
    base_name, place, one, other = leaf_table()[path]
    before, after = (hashes(with_value(base(base_name), path, value)) for value in (one, other))
    assert (before[0] != after[0]) == (place != "nowhere")
    assert (before[1] != after[1]) == (place == "pods")
    assert place_of(path.replace("[]", "")) is NAMES[place]


def test_a_field_without_a_place_is_an_error_that_says_so() -> None:
    with pytest.raises(KeyError, match="rollout has no place"):
        place_of("rollout")
    with pytest.raises(KeyError, match="has no place"):
        place_of("hardware.zone")


def test_every_place_is_that_of_a_field() -> None:
    fields = [path for path, _ in leaves(part_at(structural_schema(), "spec"))]
    assert all(any(f"{field}.".startswith(f"{path}.") for field in fields) for path in PLACES)


SAME: list[tuple[Object, Object]] = [
    ({}, {"engine": {"name": "llamacpp"}, "context": 4096, "parallel": 1, "hardware": {"count": 1}}),
    ({}, {"engine": {"options": {}}, "resources": {"limits": {}}, "podTemplate": {"spec": {"volumes": []}}}),
    ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": 1073741824}}}),
    ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": "1024Mi"}}}),
    ({"resources": {"requests": {"cpu": "500m"}}}, {"resources": {"requests": {"cpu": "0.50"}}}),
    ({"generation": {"defaults": {"temperature": 1}}}, {"generation": {"defaults": {"temperature": 1.0}}}),
    (
        {"hardware": {"profile": "l4", "fallback": {"to": "cpu"}}},
        {"hardware": {"profile": "l4", "fallback": {"to": "cpu", "after": "4m60s"}}},
    ),
    ({"context": None, "engine": None}, {}),
    ({"podTemplate": {"metadata": None}}, {"podTemplate": {}}),
    ({"scaling": {"replicas": 7}, "pinRevision": 2}, {}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_one_meaning_have_equal_hashes(one: Object, other: Object) -> None:
    assert hashes({**base("hub"), **one}) == hashes({**base("hub"), **other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"access": {}, "calls": {"timeouts": {}}}),
        ({}, {"access": {"from": "Same"}, "calls": {"timeouts": {"total": "30s"}, "onDisconnect": "Cancel"}}),
        ({"calls": {"timeouts": {"idle": "90s"}}}, {"calls": {"timeouts": {"idle": "1m30s", "firstByte": "30s"}}}),
        ({"limits": {"tokens": 1}}, {"limits": {"tokens": 1, "window": "60s", "whenFull": "Refuse"}}),
        (
            {"access": {"from": "Selected", "namespaces": ["a", "b"]}},
            {"access": {"from": "Selected", "namespaces": ["b", "a"]}},
        ),
    ],
)
def test_two_spellings_of_what_makes_no_revision_have_one_normal_form(one: Object, other: Object) -> None:
    assert normalised({**base("hub"), **one}) == normalised({**base("hub"), **other})


def test_an_empty_dir_is_not_nothing() -> None:
    one = with_value(base("hub"), "podTemplate.spec.volumes", [{"name": "a", "emptyDir": {}}])
    other = with_value(base("hub"), "podTemplate.spec.volumes", [{"name": "a", "configMap": {"name": "a"}}])
    assert normalised(one)["podTemplate"]["spec"]["volumes"] == [{"name": "a", "emptyDir": {}}]
    assert workload_hash(one) != workload_hash(other)


@pytest.mark.parametrize(
    ("path", "entries"),
    [
        ("podTemplate.spec.tolerations", [{"key": "b"}, {"key": "a"}]),
        ("podTemplate.spec.topologySpreadConstraints", [{"maxSkew": 2}, {"maxSkew": 1}]),
        ("podTemplate.spec.imagePullSecrets", [{"name": "b"}, {"name": "a"}]),
        ("generation.locked", ["topP", "topK"]),
        ("prompt.roles", [{"name": "b"}, {"name": "a"}]),
    ],
)
def test_lists_whose_order_means_nothing_may_be_turned_round(path: str, entries: list[Any]) -> None:
    turned = list(reversed(entries))
    assert hashes(with_value(base("hub"), path, entries)) == hashes(with_value(base("hub"), path, turned))


def test_examples_and_variables_keep_their_order_because_it_means_something() -> None:
    for path, entries in (
        ("prompt.roles", [{"name": "a", "examples": [{"user": "1", "answer": "1"}, {"user": "2", "answer": "2"}]}]),
        (
            "podTemplate.spec.containers",
            [{"name": "engine", "env": [{"name": "B", "value": ""}, {"name": "A", "value": "$(B)"}]}],
        ),
    ):
        turned = copy.deepcopy(entries)
        for value in turned[0].values():
            if isinstance(value, list):
                value.reverse()
        assert behaviour_hash(with_value(base("hub"), path, entries)) != behaviour_hash(
            with_value(base("hub"), path, turned)
        )


def test_the_same_revision_on_another_profile_is_another_workload() -> None:
    spec = {**base("hub"), "hardware": {"profile": "l4", "fallback": {"to": "cpu"}}}
    assert workload_hash(spec, profile="cpu") != workload_hash(spec)
    assert workload_hash(spec, profile="l4") == workload_hash(spec)


def test_an_external_model_gets_no_defaults_of_a_hosted_one() -> None:
    assert set(normalised(base("external"))) == {"external", "scaling", "access", "calls"}


def test_what_becomes_of_a_call_without_client_depends_on_who_pays_for_it() -> None:
    assert normalised(base("hub"))["calls"]["onDisconnect"] == "Cancel"
    assert normalised(base("external"))["calls"]["onDisconnect"] == "Drain"


def test_a_field_that_is_added_with_a_default_leaves_existing_hashes_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = hashes(base("hub"))
    later = copy.deepcopy(structural_schema())
    part_at(later, "spec.source.huggingFace")["properties"]["mirror"] = {"type": "string", "default": "none"}
    monkeypatch.setattr("plimsoll.api.normal.structural_schema", lambda: later)
    assert normalised(base("hub"))["source"]["huggingFace"]["mirror"] == "none"
    assert hashes(base("hub")) == before
    assert hashes(with_value(base("hub"), "source.huggingFace.mirror", "some")) != before


def test_the_hashes_of_a_known_spec_stay_as_they_are() -> None:
    """A new way of hashing would give every model in every cluster a new revision and new pods."""
    assert hashes(base("hub")) == (
        "322c78835376ea8ab58c3b1f942f25a43d4e7f2bc764bc41ca408b05cc2c545e",
        "503ea7cab941fa0c006236c78d1c4b04af6ff036aef8990f2ee007242e410b4c",
    )


FIELDS = sorted(path for path in leaf_table() if not path.startswith(("source", "external")))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(FIELDS), max_size=8, unique=True), st.randoms(use_true_random=False))
def test_order_of_keys_and_of_sets_never_matters_and_normalising_twice_changes_nothing(
    paths: list[str], chance: random.Random
) -> None:
    spec = base("hub")
    for path in paths:
        spec = with_value(spec, path, leaf_table()[path][2])
    assert hashes(_shuffled(spec, chance)) == hashes(spec)
    normal = normalised(spec)
    assert normalised(_typed(normal)) == normal


def _shuffled(node: Any, chance: random.Random) -> Any:
    if not isinstance(node, dict):
        return node
    keys = list(node)
    chance.shuffle(keys)
    made = {key: _shuffled(node[key], chance) for key in keys}
    for key in ("stop", "locked", "tolerations", "roles", "volumes"):
        if isinstance(made.get(key), list):
            chance.shuffle(made[key])
    return made


def _typed(node: Any) -> Any:
    """With durations as a user would write them; the normal form has them in seconds."""
    if not isinstance(node, dict):
        return node
    times = {"after", "window", "firstByte", "idle", "total"}
    return {key: f"{value}s" if key in times else _typed(value) for key, value in node.items()}
