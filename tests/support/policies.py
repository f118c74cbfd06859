"""An admission policy of the cluster's owners: one registry is forbidden in the namespace of the test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.support import objects
from tests.support.kube import Kube, Object
from tests.support.waiting import wait_until

FORBIDDEN_IMAGE = "forbidden.example.com/engine:1"
WORDS = "no images of forbidden.example.com, says the platform team"
_API_VERSION = "admissionregistration.k8s.io/v1"
_SECONDS = 60

Forbid = Callable[[str], None]


@pytest.fixture
def forbid(kube: Kube, namespace: str) -> Iterator[Forbid]:
    """From then on `deployments` or `pods` with an image of that registry are refused."""
    made: list[Object] = []

    def make(resource: str) -> None:
        name = f"registry-{secrets.token_hex(3)}"
        made.extend(kube.create(each) for each in _policy(name, namespace, resource))
        tried = objects.pod(namespace, "tried", FORBIDDEN_IMAGE)
        if resource == "deployments":
            tried = objects.deployment(namespace, "tried", FORBIDDEN_IMAGE, 1)
        # It takes a moment until a policy is in force.
        wait_until(lambda: WORDS in (kube.refusal(tried) or ""), _SECONDS, "the policy is in force")

    yield make
    for each in made:
        kube.delete(each)


def _policy(name: str, namespace: str, resource: str) -> tuple[Object, Object]:
    group, spec = ("", "object.spec") if resource == "pods" else ("apps", "object.spec.template.spec")
    allowed = f"!{spec}.containers.exists(c, c.image.startsWith('forbidden.example.com/'))"
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": allowed, "message": WORDS}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return (
        _object("ValidatingAdmissionPolicy", name, policy),
        _object("ValidatingAdmissionPolicyBinding", name, binding),
    )


def _object(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
