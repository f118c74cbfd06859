"""Operator and gateway go; the models, and what serves them, go only when that is said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml

from plimsoll.api.kinds import KINDS, MODEL_CONFIG, Kind
from tools.cluster.progress import Progress
from tools.install.errors import InstallError
from tools.install.installing import render
from tools.install.settings import Settings, installed
from tools.install.target import Kubectl, Target

Object = dict[str, Any]

_UNTIL_GONE = ("--ignore-not-found", "--cascade=foreground", "--wait", "--timeout=200s")


def remove(target: Target, progress: Progress, *, crds: bool, models_too: bool) -> None:
    """Can be repeated: what is gone already is passed over."""
    progress.say(f"removing from {target.words}")
    there = {kind: objects_of(target.kubectl, kind) for kind in KINDS}
    models = there[MODEL_CONFIG]
    if crds and any(there.values()) and not models_too:
        listed = "; ".join(_listed(kind, found) for kind, found in there.items() if found)
        raise InstallError(
            f"With the definitions all that was made by them would go, and all that serves it: {listed}. "
            'Delete it first, or repeat it with ARGS="--crds --and-models".'
        )
    settings = installed(target.kubectl) or Settings("plimsoll:unknown", "images: {plimsoll: plimsoll}\n")
    wanted = [each for each in render(target.kubectl, settings) if each["kind"] != "CustomResourceDefinition"]
    progress.update("the gateway finishes what it is answering, for up to two minutes")
    with progress.step("operator and gateway are gone"):
        # Their rights and accounts outlive them: until their pods have ended they put their work in order.
        for group in by_turn(wanted):
            target.kubectl("delete", *_UNTIL_GONE, "--filename=-", stdin=yaml.safe_dump_all(group))
    if crds:
        with progress.step("the definitions are gone"):
            target.kubectl("delete", "crd", *(kind.definition for kind in KINDS), *_UNTIL_GONE)
    elif models:
        progress.say(f"{models.total()} ModelConfigs stay, and so does what serves them: nobody looks after it now")


def by_turn(wanted: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """What has pods, and then the rest."""
    first = [each for each in wanted if each["kind"] == "Deployment"]
    return first, [each for each in wanted if each["kind"] != "Deployment"]


def objects_of(kubectl: Kubectl, kind: Kind) -> Counter[str]:
    """How many objects of a kind each namespace has; none where it is not even defined."""
    if not kubectl("get", "crd", kind.definition, "--ignore-not-found", "--output=name").strip():
        return Counter()
    items = json.loads(kubectl("get", kind.definition, "--all-namespaces", "--output=json"))["items"]
    return Counter(each["metadata"]["namespace"] for each in items)


def _listed(kind: Kind, found: Counter[str]) -> str:
    return f"{kind.name}s " + ", ".join(f"{count} in {namespace}" for namespace, count in sorted(found.items()))
