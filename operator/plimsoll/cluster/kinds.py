"""The kinds of objects that Plimsoll speaks of, and their paths on the API server: nothing has to be discovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.api import names

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Of one object, or without a name of all of them; without a namespace of those in every namespace."""
        parts = ["apis" if "/" in self.api_version else "api", self.api_version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(parts)


MODEL_CONFIG = Kind(names.API_VERSION, names.KIND, names.PLURAL)
MODEL_KEY = Kind(names.API_VERSION, "ModelKey", "modelkeys")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
SERVICE = Kind("v1", "Service", "services")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
JOB = Kind("batch/v1", "Job", "jobs")
POD = Kind("v1", "Pod", "pods")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
TOKEN_REVIEW = Kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False)
DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)

# What belongs to a ModelConfig and carries its label.
CHILDREN = (
    SERVICE_ACCOUNT,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    DEPLOYMENT,
    REVISION,
    JOB,
)

_KNOWN = {
    (kind.api_version, kind.name): kind
    for kind in (
        *(MODEL_CONFIG, MODEL_KEY, *CHILDREN, POD, SECRET, CONFIG_MAP, CLAIM, EVENT, LEASE, NAMESPACE),
        *(TOKEN_REVIEW, DEFINITION),
    )
}


def kind_of(target: Object) -> Kind:
    """KeyError for a kind that nobody here writes or reads."""
    return _KNOWN[target["apiVersion"], target["kind"]]
