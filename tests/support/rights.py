"""What a user may do: a role and its binding, in force when `grant` returns."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.kube import Kube, Object
from tests.support.waiting import wait_until

_GROUP = "rbac.authorization.k8s.io"


def grant(kube: Kube, namespace: str, user: str, verbs: Sequence[str], resource: str) -> None:
    """Rights on one core resource in one namespace."""
    metadata = {"name": f"{user}-{resource}", "namespace": namespace}
    rule = {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}
    kube.create({"apiVersion": f"{_GROUP}/v1", "kind": "Role", "metadata": dict(metadata), "rules": [rule]})
    kube.create(
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": metadata["name"]},
            "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": user}],
        }
    )
    # The API server learns of its own roles by watching itself, so a new one is not in force at once.
    attributes = {"namespace": namespace, "verb": verbs[0], "resource": resource}
    wait_until(lambda: _allowed(kube, user, attributes), 10, f"{user} may {verbs[0]} {resource} in {namespace}")


def _allowed(kube: Kube, user: str, attributes: Object) -> bool:
    review = kube.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": user, "resourceAttributes": attributes},
        }
    )
    return bool(review["status"]["allowed"])
