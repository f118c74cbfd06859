"""What every child of a ModelConfig has in common: whose it is, and how it is found."""

from __future__ import annotations

from plimsoll.api import names
from plimsoll.plan.observed import Object

ENGINE = "engine"
INSPECT = "inspect"


def child(config: Object, api_version: str, kind: str, name: str, component: str = ENGINE) -> Object:
    """An object without content, which the garbage collector removes with the ModelConfig."""
    metadata = config["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": names.common_labels(metadata["name"], component),
            "ownerReferences": [owner(config)],
        },
    }


def owner(config: Object) -> Object:
    metadata = config["metadata"]
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
