"""The real API server takes the definition of ModelKey, and its verdict on every case of the table is ours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition
from plimsoll.api.kinds import MODEL_KEY
from plimsoll.api.validate import validate
from tests.support.kube import Kube, Object
from tests.support.model_keys import CASES, OTHER_HASH, SOON, Case, model_key
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster


@pytest.fixture(scope="module")
def keys(cluster: ProcessCluster, kube: Kube) -> Iterator[Object]:
    wanted = custom_resource_definition(MODEL_KEY)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(wanted))
    wait_until(lambda: kube.serves(names.API_VERSION, MODEL_KEY.name), 10, "ModelKey is served")
    yield kube.read(wanted)
    kube.delete(wanted)
    kube.wait_gone(wanted, 20)


def test_the_definition_is_structural_and_its_names_are_free(keys: Object) -> None:
    conditions = {each["type"]: each["status"] for each in keys["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_server_and_we_say_the_same(kube: Kube, keys: Object, case: Case) -> None:
    said = kube.refusal(case.document)
    ours = validate(case.document, MODEL_KEY)
    assert (said is None) == (ours == []), f"server: {said}; we: {ours}"
    for problem in ours:
        if problem.rule not in ("schema", "rule"):
            assert problem.message in (said or "")


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
