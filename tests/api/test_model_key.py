"""The real API server takes the definition of ModelKey, and its verdict on every case of the table is ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition
from plimsoll.api.kinds import KINDS, MODEL_KEY
from plimsoll.api.validate import validate
from tests.support.kube import Kube, Object
from tests.support.model_configs import samples
from tests.support.model_keys import CASES, HASH, OTHER_HASH, SOON, Case, model_key
from tools.cluster.cluster import ProcessCluster

RULE_NAMES = {rule.name for rule in MODEL_KEY.rules}


@pytest.fixture(scope="module")
def keys(kube: Kube, definition: Object) -> Object:
    """The definition of ModelKey; it is applied with that of ModelConfig."""
    return kube.read(custom_resource_definition(MODEL_KEY))


def test_the_definition_is_structural_and_its_names_are_free(keys: Object) -> None:
    conditions = {each["type"]: each["status"] for each in keys["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_the_short_name_and_the_category_are_ours_alone(cluster: ProcessCluster, keys: Object) -> None:
    rows = [line.split() for line in cluster.kubectl("api-resources", "--no-headers", "-o", "wide").splitlines()]
    others = [row for row in rows if MODEL_KEY.plural not in row]
    assert len(others) < len(rows)
    taken = {word for row in others for column in row[:2] for word in column.split(",")}
    assert not taken & {MODEL_KEY.short_name, MODEL_KEY.plural, MODEL_KEY.singular}
    ours = cluster.kubectl("api-resources", "--categories", names.CATEGORY, "-o", "name").split()
    assert sorted(ours) == sorted(kind.definition for kind in KINDS)


@pytest.mark.parametrize("path", samples(MODEL_KEY.name), ids=lambda path: path.stem)
def test_the_server_takes_every_sample(kube: Kube, keys: Object, namespace: str, path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    document["metadata"]["namespace"] = namespace
    assert kube.refusal(document) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_server_and_we_say_the_same(kube: Kube, keys: Object, case: Case) -> None:
    said = kube.refusal(case.document)
    ours = validate(case.document, MODEL_KEY)
    assert (said is None) == (ours == []), f"server: {said}; we: {ours}"
    for problem in ours:
        if problem.rule not in ("schema", "rule"):
            assert problem.message in (said or "")
    if ours and all(problem.rule not in ("schema", "rule") for problem in ours):
        told = {name for name in re.findall(r"\[([a-z0-9-]+)\]", said or "") if name in RULE_NAMES}
        assert told == {problem.rule for problem in ours}


def test_an_edit_of_the_spec_is_a_generation_and_one_of_the_status_is_none(
    kube: Kube, keys: Object, namespace: str
) -> None:
    key = model_key({}, namespace=namespace)
    kube.create(key)
    kube.merge(key, {"status": {"team": "search"}})
    assert kube.read(key)["status"] == {"observedGeneration": 0}
    kube.merge(key, {"status": {"observedGeneration": 1, "team": "search", "hashes": [HASH]}}, subresource="status")
    stored = kube.read(key)
    assert (stored["status"]["team"], stored["metadata"]["generation"]) == ("search", 1)
    kube.merge(key, {"spec": {"suspended": True}})
    assert kube.read(key)["metadata"]["generation"] == 2


def test_a_key_is_stored_as_it_was_sent_with_its_defaults_and_nobody_has_looked_at_it(
    kube: Kube, keys: Object, namespace: str
) -> None:
    sent = model_key(
        {"previous": {"hash": OTHER_HASH, "validUntil": SOON}, "limits": {"requests": 3}}, namespace=namespace
    )
    kube.create(sent)
    stored = kube.read(sent)
    limits = {"requests": 3, "window": "1m", "whenFull": "Refuse"}
    assert stored["spec"] == {**sent["spec"], "limits": limits, "suspended": False}
    assert stored["status"] == {"observedGeneration": 0}


def test_kubectl_shows_what_tells_a_key_from_others(
    cluster: ProcessCluster, kube: Kube, keys: Object, namespace: str
) -> None:
    kube.create(model_key({"expiresAt": SOON}, namespace=namespace))
    header, row = cluster.kubectl("get", MODEL_KEY.short_name, "--namespace", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "PREFIX", "TEAM", "SUSPENDED", "EXPIRES", "AGE"]
    assert {"app", "x7Kq2a", "false", SOON} <= set(row.split())
