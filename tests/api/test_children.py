"""What the planner makes of each sample, before a real API server that enforces the restricted Pod Security level."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.api import names
from plimsoll.plan.difference import is_as_wanted, with_intent
from tests.support.golden import golden
from tests.support.kube import Kube
from tests.support.model_configs import samples

Object = dict[str, Any]


def objects_of(sample: Path, namespace: str) -> list[Object]:
    made = [each for each in yaml.safe_load_all(golden(sample).get("objects.yaml", "")) if each]
    for each in made:
        each["metadata"]["namespace"] = namespace
    return made


def pods_of(made: list[Object]) -> list[Object]:
    """A Deployment is stored whatever its pods are; only a pod is judged by Pod Security."""
    pods = []
    for each in made:
        if each["kind"] in ("Deployment", "Job"):
            template = copy.deepcopy(each["spec"]["template"])
            # The cluster of this tier has no RuntimeClass.
            template["spec"].pop("runtimeClassName", None)
            metadata = {**template["metadata"], "name": "tried", "namespace": each["metadata"]["namespace"]}
            pods.append({"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata})
    return pods


HOSTED = [sample for sample in samples() if "objects.yaml" in golden(sample)]


@pytest.mark.parametrize("sample", HOSTED, ids=lambda path: path.stem)
def test_s_07_every_object_of_a_sample_is_known_to_the_last_field_and_every_pod_is_restricted(
    kube: Kube, namespace: str, sample: Path
) -> None:
    made = objects_of(sample, namespace)
    for each in made:
        kube.try_create(each)
    account = next(each for each in made if each["kind"] == "ServiceAccount")
    kube.create(account)
    for pod in pods_of(made):
        kube.try_create(pod)


@pytest.mark.parametrize("sample", HOSTED, ids=lambda path: path.stem)
def test_what_is_applied_is_found_as_wanted_and_applying_it_again_writes_nothing(
    kube: Kube, namespace: str, sample: Path
) -> None:
    for made in objects_of(sample, namespace):
        wanted = with_intent(made)
        first = kube.apply(wanted, manager=names.FIELD_MANAGER, force=True)
        assert is_as_wanted(first, wanted), f"{made['kind']} {made['metadata']['name']}"
        again = kube.apply(wanted, manager=names.FIELD_MANAGER, force=True)
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
