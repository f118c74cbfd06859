"""O-01: every field of a spec that stands for pods changes something in them, and no other field does."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from plimsoll.api.configuration import HardwareProfile
from plimsoll.api.normal import Place, place_of
from plimsoll.plan.children import standing
from plimsoll.plan.observed import SourceFacts
from plimsoll.plan.revision import Revision
from tests.support.model_configs import base, leaf_table, with_value
from tests.support.rendering import (
    SMALL,
    existing,
    fixed_configuration,
    gguf_facts,
    outcome,
    safetensors_facts,
)

Object = dict[str, Any]

# With GPUs, so that fields which need one have something to change.
CONFIGURATION = fixed_configuration().model_copy(
    update={"default_profile": "l4", "profiles": (*fixed_configuration().profiles, HardwareProfile(name="cpu-large"))}
)
# What else an entry of a list has to have.
BESIDE: dict[str, Object] = {
    "volumes[]": {"name": "extra"},
    "containers[]": {"name": "engine", "env": [{"name": "A", "value": "a"}]},
    "env[]": {"name": "A", "value": "a"},
    "volumeMounts[]": {"name": "extra", "mountPath": "/extra"},
    "imagePullSecrets[]": {"name": "extra"},
    "persistentVolumeClaim": {"claimName": "extra"},
    "prompt": {"active": "a", "roles": [{"name": "a"}]},
    "roles[]": {"name": "a"},
    "examples[]": {"user": "a", "answer": "a"},
    "fallback": {"to": "cpu"},
}
VALUES = {"source.sha256": ("a" * 64, "b" * 64)}
# A revision of a repository reaches the pods as the commit that it was resolved to.
COMMITS = {"main": "a" * 40, "v2": "b" * 40}

PODS = [path for path in leaf_table() if place_of(path.replace("[]", "")) is Place.PODS]
OTHERS = [path for path in leaf_table() if path not in PODS and not path.startswith("external")]


def specs(path: str) -> tuple[Object, Object]:
    base_name, _, *values = leaf_table()[path]
    made = []
    for value in VALUES.get(path, values):
        spec = base(base_name)
        here = ""
        for part in path.split(".")[:-1]:
            here = f"{here}.{part}" if here else part
            for key, beside in BESIDE.get(part, {}).items():
                spec = with_value(spec, f"{here}.{key}", copy.deepcopy(beside))
        made.append(with_value(spec, path, value))
    return made[0], made[1]


def facts(spec: Object) -> SourceFacts:
    if spec.get("engine", {}).get("name") == "vllm":
        return safetensors_facts()
    revision = spec["source"].get("huggingFace", {}).get("revision", "main")
    return gguf_facts(SMALL, f"commit:{COMMITS[revision]}")


def pods(spec: Object) -> str:
    """The template without what is derived from the hash, which every change of the spec changes."""
    revision = outcome(existing(spec), facts(spec), CONFIGURATION)
    assert isinstance(revision, Revision), revision
    assert revision.declared is not None
    text = json.dumps(revision.declared.template, sort_keys=True)
    return text.replace(revision.declared.hash[:10], "HASH")


@pytest.mark.parametrize("path", PODS)
def test_o_01_a_field_that_stands_for_pods_changes_them(path: str) -> None:
    one, other = specs(path)
    assert pods(one) != pods(other)


@pytest.mark.parametrize("path", OTHERS)
def test_o_01_a_field_that_stands_for_policy_or_nothing_changes_no_pod_and_no_other_object(path: str) -> None:
    """What these fields do change: the revision, for policy; the replicas of the Deployment, for scaling."""
    one, other = specs(path)
    assert pods(one) == pods(other)
    assert standing(existing(one), None, CONFIGURATION) == standing(existing(other), None, CONFIGURATION)
