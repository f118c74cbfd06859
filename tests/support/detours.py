"""Specs by chance, good ones and bad ones, and what there is of models without the traces of how it came to be."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

from plimsoll.api import names
from tests.support import world_differ
from tests.support.kube import Kube, Object
from tests.support.model_configs import merged
from tests.support.world_differ import World

# Each of them changes something of the children, and any of them go together.
_GOOD: Sequence[Object] = (
    {"context": 1024},
    {"parallel": 2},
    {"engine": {"image": "example.invalid/engine:2"}},
    {"engine": {"options": {"batchSize": 64}}},
    {"scaling": {"replicas": 2}},
    {"resources": {"limits": {"memory": "1Gi"}}},
    {"resources": {"storage": "2Gi"}},
    {"podTemplate": {"metadata": {"labels": {"team": "blue"}}}},
    {"podTemplate": {"spec": {"terminationGracePeriodSeconds": 7}}},
    {"hardware": {"profile": "gpu", "fallback": {"to": "cpu", "after": "5m"}}},
    {"generation": {"defaults": {"temperature": 0.5}}},
    {"prompt": {"active": "pirate", "roles": [{"name": "pirate", "system": "You are a pirate."}]}},
)
# A model at zero remembers who served last (decision 0010), so it is no end that two ways can have in common.
_AT_ZERO: Object = {"scaling": {"replicas": 0}}
# None of them ever serves.
BAD: Sequence[Object] = (
    {"podTemplate": {"spec": {"nodeSelector": {"no": "node"}}}},
    {"hardware": {"profile": "unheard-of"}},
    {"source": {"http": None, "sha256": None, "pvc": {"claimName": "none", "path": "model.gguf"}}},
    {"pinRevision": 99},
    # More than any node has. A limit alone would not do: what a pod asks for is the estimate.
    {"resources": {"requests": {"memory": "900Gi"}, "limits": {"memory": "900Gi"}}},
)


def good(chance: random.Random, spec: Object) -> Object:
    """The spec with some changes."""
    for change in chance.sample(_GOOD, chance.randint(0, 4)):
        spec = merged(spec, change)
    return copy.deepcopy(spec)


def any_kind(chance: random.Random, spec: Object) -> Object:
    """Also one that is at zero, and one that never serves."""
    made, kind = good(chance, spec), chance.random()
    if kind < 1 / 4:
        made = merged(made, chance.choice(BAD))
    elif kind < 1 / 3:
        made = merged(made, _AT_ZERO)
    return made


def children_of(kube: Kube, namespace: str) -> World:
    """All that the operator has made here, and what the newest revision of each model says.

    What counts how often something was changed, or tells who has seen it, is left out: this is what differs by the way.
    """
    found = [each for kind in _KINDS for each in kube.list(*kind, namespace, names.LABEL_MODELCONFIG)]
    return world_differ.world_of([*map(_content, found), *_newest(kube, namespace)], namespace)


_KINDS = (
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)

_COUNTERS = (names.LABEL_REVISION, "deployment.kubernetes.io/revision")


def _content(child: Object) -> Object:
    metadata = {key: value for key, value in child["metadata"].items() if key not in ("generation", "managedFields")}
    for place in ("labels", "annotations"):
        metadata[place] = {key: value for key, value in metadata[place].items() if key not in _COUNTERS}
    return {**{key: value for key, value in child.items() if key != "status"}, "metadata": metadata}


def _newest(kube: Kube, namespace: str) -> list[Object]:
    newest: dict[str, Object] = {}
    for each in kube.list("apps/v1", "ControllerRevision", namespace, names.LABEL_MODELCONFIG):
        model = each["metadata"]["labels"][names.LABEL_MODELCONFIG]
        if each["revision"] > newest.get(model, {"revision": 0})["revision"]:
            newest[model] = each
    return [
        {"kind": each["kind"], "metadata": {"name": model}, "data": {**each["data"], "author": "somebody"}}
        for model, each in newest.items()
    ]
