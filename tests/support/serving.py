"""Whether a model is served as it was declared last."""

from __future__ import annotations

from collections.abc import Callable

from plimsoll.api import names
from tests.support.kube import Kube, Object

SECONDS = 60.0


def served(generation: int) -> Callable[[Object], bool]:
    """Its status speaks of this generation and is Ready."""

    def holds(found: Object) -> bool:
        status = found.get("status", {})
        ready = [each["status"] for each in status.get("conditions", []) if each["type"] == "Ready"]
        return status.get("observedGeneration") == generation and ready == ["True"]

    return holds


def wait_served(kube: Kube, model: Object, generation: int = 1, seconds: float = SECONDS) -> Object:
    name = model["metadata"]["name"]
    return kube.wait(model, served(generation), seconds, f"generation {generation} of {name} is served")


def workloads(kube: Kube, model: Object) -> list[Object]:
    """Its Deployments."""
    labels = f"{names.LABEL_MODELCONFIG}={model['metadata']['name']}"
    return kube.list("apps/v1", "Deployment", model["metadata"]["namespace"], labels)
