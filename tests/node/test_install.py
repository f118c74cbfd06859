"""Operator and gateway as they are installed: from our image, with the rights of their manifests and no others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.cluster.progress import Progress
from tools.images.build import Builder
from tools.images.recipes import RECIPES
from tools.install.installing import ROOT, apply, bring_image, install, render
from tools.install.removing import remove
from tools.install.settings import GATEWAY, HOME, NAME, Asked, Settings
from tools.install.target import Target

SECONDS = 120.0
COMPONENT = "app.kubernetes.io/component"
# Needs no pod: what counts here is that the operator hears of it, may write its status, and does.
EXTERNAL = {"external": {"provider": "openai-compatible", "baseURL": "https://models.example.com/v1", "model": "m"}}


@pytest.fixture
def target(cluster: ProcessCluster) -> Target:
    return Target("the cluster of the tests", cluster.kubectl, cluster.instance.identity)


@pytest.fixture
def installed(target: Target, definition: Object, namespace: str) -> Iterator[str]:
    """The namespace that an installed operator serves."""
    Builder(ROOT, "auto", "", Progress()).build(RECIPES["plimsoll"])
    try:
        install(target, Asked(namespaces=(namespace,)), Progress(), force=True, patience=SECONDS)
        yield namespace
    finally:
        remove(target, Progress(), crds=False, models_too=False)


def accepted(found: Object) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Accepted" and each["status"] == "True" for each in conditions)


@pytest.mark.long
def test_an_installed_operator_serves_its_namespace_and_leaves_its_models_behind(
    installed: str, target: Target, kube: Kube
) -> None:
    mine, elsewhere = model_config(EXTERNAL, "m", installed), model_config(EXTERNAL, "m", "default")
    kube.create(elsewhere)
    kube.create(mine)
    kube.wait(mine, accepted, SECONDS, "the operator accepts a model")
    pods = json.loads(target.kubectl("get", "pods", f"--namespace={HOME}", "--output=json"))["items"]
    assert Counter(pod["metadata"]["labels"][COMPONENT] for pod in pods) == {"operator": 1, "gateway": 2}
    assert all(each["ready"] for pod in pods for each in pod["status"]["containerStatuses"])
    logs = target.kubectl("logs", f"deployment/{NAME}", f"--namespace={HOME}")
    assert "cannot" not in logs
    # Whoever serves one namespace has no eyes for another.
    assert not accepted(kube.read(elsewhere))

    remove(target, Progress(), crds=False, models_too=False)
    assert kube.find({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}) is None
    assert accepted(kube.read(mine))
    kube.delete(elsewhere)


@pytest.mark.long
def test_another_configuration_takes_effect_without_another_pod(
    installed: str, target: Target, kube: Kube, tmp_path: Path
) -> None:
    def pods() -> set[str]:
        found = json.loads(target.kubectl("get", "pods", f"--namespace={HOME}", "--output=json"))["items"]
        return {each["metadata"]["uid"] for each in found}

    before = pods()
    own = tmp_path / "operator.yaml"
    own.write_text("history: 7\n")
    install(target, Asked(configuration=own), Progress(), force=True, patience=SECONDS)

    def followed() -> bool:
        return "is in force in its generation 2" in target.kubectl("logs", f"deployment/{NAME}", f"--namespace={HOME}")

    wait_until(followed, SECONDS, "the operator reads its new configuration")
    assert pods() == before


@pytest.mark.long
def test_gateways_that_were_there_first_become_ready_by_themselves(
    target: Target, definition: Object, kube: Kube, namespace: str
) -> None:
    image = Builder(ROOT, "auto", "", Progress()).build(RECIPES["plimsoll"])[0]
    bring_image(target, image.reference, image, Progress())
    settings = Settings(image.reference, f"images: {{plimsoll: '{image.reference}'}}\n", (namespace,))
    wanted = render(target.kubectl, settings)
    first = [each for each in wanted if each["kind"] == "Namespace" or each["metadata"]["name"] == GATEWAY]

    def of_gateways() -> list[Object]:
        selector = f"--selector={COMPONENT}=gateway"
        listed = target.kubectl("get", "pods", f"--namespace={HOME}", selector, "--output=json")
        return [each for pod in json.loads(listed)["items"] for each in pod["status"].get("containerStatuses", [])]

    try:
        apply(target.kubectl, first, force=True)
        began = wait_until(
            lambda: [each["containerID"] for each in of_gateways() if each.get("started")], SECONDS, "they run"
        )
        assert not any(each["ready"] for each in of_gateways())
        apply(target.kubectl, [each for each in wanted if each not in first], force=True)
        # Their nodes look for the authority about once a minute.
        wait_until(lambda: [each["ready"] for each in of_gateways()] == [True] * 2, 2 * SECONDS, "both are ready")
        assert set(began) <= {each["containerID"] for each in of_gateways()}
        assert [each["restartCount"] for each in of_gateways()] == [0, 0]
    finally:
        remove(target, Progress(), crds=False, models_too=False)
