"""The real API server takes our definition, and its verdict on every case of the table is ours, in the same words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from plimsoll.api import names
from plimsoll.api.crd import structural_schema
from plimsoll.api.normal import behaviour_hash, workload_hash
from plimsoll.api.parts import completed
from plimsoll.api.rules import RULES
from plimsoll.api.validate import validate
from tests.support.form import Form
from tests.support.generated_configs import model_configs
from tests.support.kube import Kube, Object
from tests.support.model_configs import Case, base, cases, model_config, samples
from tools.cluster.cluster import ProcessCluster

RULE_NAMES = {rule.name for rule in RULES}


def test_the_definition_is_structural_and_its_names_are_free(definition: Object) -> None:
    conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    # Present only when the schema is not structural.
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_the_server_and_we_say_the_same(kube: Kube, definition: Object, case: Case) -> None:
    said = kube.refusal(case.document)
    ours = validate(case.document)
    assert (said is None) == (ours == []), f"server: {said}; we: {ours}"
    words = said or ""
    for problem in ours:
        # The server writes the place of an entry of a map in its own way; the last name is in all of them.
        assert re.findall(r"\w+", problem.field)[-1] in words
        if problem.rule != "schema":
            assert problem.message in words
            # A definition cannot make the server point into metadata.
            assert problem.field in words or problem.field == "metadata.name"
    if all(problem.rule != "schema" for problem in ours):
        told = {name for name in re.findall(r"\[([a-z0-9-]+)\]", words) if name in RULE_NAMES}
        assert told == {problem.rule for problem in ours}


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.stem)
def test_the_server_takes_every_sample(kube: Kube, definition: Object, path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    document["metadata"]["namespace"] = "default"
    assert kube.refusal(document) is None


def test_what_is_stored_is_what_was_sent_with_its_defaults(kube: Kube, definition: Object, namespace: str) -> None:
    sent = model_config({**base("hub"), "resources": {"limits": {"memory": "1024Mi", "cpu": 2}}}, namespace=namespace)
    kube.create(sent)
    stored = kube.read(sent)["spec"]
    assert stored["resources"] == {"limits": {"memory": "1024Mi", "cpu": 2}}
    assert stored["scaling"] == {"replicas": 1}
    assert stored["source"]["huggingFace"]["revision"] == "main"
    assert "engine" not in stored


def test_kubectl_scales_it_and_autoscalers_find_its_pods(
    cluster: ProcessCluster, kube: Kube, definition: Object, namespace: str
) -> None:
    config = model_config(base("hosted"), namespace=namespace)
    kube.create(config)
    kube.merge(config, {"status": {"replicas": 1, "selector": "plimsoll.dev/modelconfig=chat"}}, subresource="status")
    cluster.kubectl("scale", "--namespace", namespace, "mcfg/chat", "--replicas", "3")
    assert kube.read(config)["spec"]["scaling"]["replicas"] == 3
    path = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}/chat/scale"
    scale = json.loads(cluster.kubectl("get", "--raw", path))
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 1, "selector": "plimsoll.dev/modelconfig=chat"}


def test_a_status_is_written_through_its_own_door_only(kube: Kube, definition: Object, namespace: str) -> None:
    config = model_config(base("hosted"), namespace=namespace)
    kube.create(config)
    kube.merge(config, {"status": {"replicas": 7}})
    unseen = {"observedGeneration": 0}
    assert kube.read(config)["status"] == unseen
    before = kube.read(config)["metadata"]["generation"]
    kube.merge(config, {"status": {"replicas": 7}}, subresource="status")
    assert kube.read(config)["status"] == {**unseen, "replicas": 7}
    assert kube.read(config)["metadata"]["generation"] == before


def test_two_writers_own_two_roles_of_one_prompt(kube: Kube, definition: Object, namespace: str) -> None:
    def roles(*entries: Object, **prompt: object) -> Object:
        spec = {**base("external"), "prompt": {**prompt, "roles": list(entries)}}
        return model_config(spec, namespace=namespace)

    kube.apply(roles({"name": "a"}, active="a"), "one")
    kube.apply(roles({"name": "b", "system": "Be kind."}, active="a"), "two")
    assert [role["name"] for role in kube.read(roles())["spec"]["prompt"]["roles"]] == ["a", "b"]


def test_kubectl_shows_the_columns_and_explains_the_fields(
    cluster: ProcessCluster, kube: Kube, definition: Object, namespace: str
) -> None:
    kube.create(model_config(base("hosted"), namespace=namespace))
    header = cluster.kubectl("get", "plimsoll", "--namespace", namespace).splitlines()[0].split()
    columns = ["READY", "REASON", "MODEL", "ENGINE", "HARDWARE", "REPLICAS", "REVISION", "URL", "AGE"]
    assert header == ["NAME", *columns]
    assert "CPU, memory, disk, threads" in cluster.kubectl("explain", "mcfg.spec")


def test_the_short_name_and_the_category_collide_with_nothing_that_is_served(
    cluster: ProcessCluster, definition: Object
) -> None:
    rows = [line.split() for line in cluster.kubectl("api-resources", "--no-headers", "-o", "wide").splitlines()]
    others = [row for row in rows if names.PLURAL not in row]
    assert len(others) < len(rows)
    taken = {word for row in others for column in row[:2] for word in column.split(",")}
    assert not taken & {names.SHORT_NAME, names.CATEGORY, names.PLURAL, names.SINGULAR}


def test_o28_what_is_made_by_chance_is_accepted_by_both_and_nothing_is_pruned(
    kube: Kube, definition: Object, form: Form
) -> None:
    @settings(max_examples=form.count(small=60, large=5000), deadline=None, database=None, derandomize=not form.long)
    @given(model_configs())
    def judge(document: Object) -> None:
        assert validate(document) == []
        stored = kube.try_create(document)["spec"]
        assert stored == completed(document, structural_schema())["spec"]
        assert behaviour_hash(stored) == behaviour_hash(document["spec"])
        assert workload_hash(stored) == workload_hash(document["spec"])

    judge()
