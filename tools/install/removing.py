"""The operator goes; the models, and what serves them, go only when that is said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml

from plimsoll.api import names
from tools.cluster.progress import Progress
from tools.install.errors import InstallError
from tools.install.installing import render
from tools.install.settings import Settings, installed
from tools.install.target import Kubectl, Target

Object = dict[str, Any]

_DEFINITION = f"{names.PLURAL}.{names.GROUP}"
_UNTIL_GONE = ("--ignore-not-found", "--cascade=foreground", "--wait", "--timeout=120s")


def remove(target: Target, progress: Progress, *, crds: bool, models_too: bool) -> None:
    """Can be repeated: what is gone already is passed over."""
    progress.say(f"removing from {target.words}")
    models = models_in(target.kubectl)
    if crds and models and not models_too:
        listed = ", ".join(f"{count} in {namespace}" for namespace, count in sorted(models.items()))
        raise InstallError(
            f"With the definition all ModelConfigs would go, and all that serves them: {listed}. "
            'Delete them first, or repeat it with ARGS="--crds --and-models".'
        )
    settings = installed(target.kubectl) or Settings("plimsoll:unknown", "images: {plimsoll: plimsoll}\n")
    wanted = [each for each in render(target.kubectl, settings) if each["kind"] != "CustomResourceDefinition"]
    with progress.step("the operator is gone"):
        # Its rights outlive it: until its pods have ended they put their work in order.
        for group in by_turn(wanted):
            target.kubectl("delete", *_UNTIL_GONE, "--filename=-", stdin=yaml.safe_dump_all(group))
    if crds:
        with progress.step("the definition is gone"):
            target.kubectl("delete", "crd", _DEFINITION, *_UNTIL_GONE)
    elif models:
        progress.say(f"{models.total()} ModelConfigs stay, and so does what serves them: nobody looks after it now")


def by_turn(wanted: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """What has pods, and then the rest."""
    first = [each for each in wanted if each["kind"] == "Deployment"]
    return first, [each for each in wanted if each["kind"] != "Deployment"]


def models_in(kubectl: Kubectl) -> Counter[str]:
    """How many ModelConfigs each namespace has; none where they are not even defined."""
    if not kubectl("get", "crd", _DEFINITION, "--ignore-not-found", "--output=name").strip():
        return Counter()
    items = json.loads(kubectl("get", _DEFINITION, "--all-namespaces", "--output=json"))["items"]
    return Counter(each["metadata"]["namespace"] for each in items)
