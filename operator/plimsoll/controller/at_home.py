"""What the operator keeps in its own namespace, for the gateways beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from plimsoll.api import names
from plimsoll.cluster.kinds import Kind, Object

# The headless Service in which gateways find the operator, and the account that they run as.
SERVICE = "plimsoll-routing"
GATEWAY = "plimsoll-gateway"


def at_home(kind: Kind, namespace: str, name: str) -> Object:
    labels = {
        "app.kubernetes.io/name": "plimsoll",
        "app.kubernetes.io/component": "routing",
        "app.kubernetes.io/managed-by": names.FIELD_MANAGER,
        "app.kubernetes.io/part-of": "plimsoll",
    }
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    """As the data of a Secret."""
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
