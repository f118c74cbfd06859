"""What the operator may do, in each of its two modes: every right has a reason, and there is no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from plimsoll.controller.certificates import AUTHORITY
from tests.support.kube import Kube
from tests.support.operator_rights import ACCOUNT, RIGHTS, Right, rendered, rights_of
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.install.settings import HOME, NAME

Object = dict[str, Any]

MODELS = "plimsoll.dev"
POLICY = "policy"
NETWORK = "networking.k8s.io"

# Why the operator has each right in the namespaces that it serves.
_SEES = "hears of every change, reads all at its start, and reads again before it takes something away"
_ASKS = "looks whose object has a name that it needs"
_MAKES = "makes it, and puts it back when somebody changed or removed it"
_TAKES = "takes away what no revision needs any more"
_LEAVES = "takes it away when a provider runs the model instead"
REASONS: dict[tuple[str, str], dict[str, str]] = {
    (MODELS, "modelconfigs"): {_SEES: "get list watch"},
    (MODELS, "modelconfigs/status"): {"says what is true": "patch"},
    (MODELS, "modelkeys"): {"hears of every change, and reads all at its start": "list watch"},
    (MODELS, "modelkeys/status"): {"says what is true": "patch"},
    (MODELS, "modelconfigs/finalizers"): {"names it as the owner where the API server asks for this": "update"},
    ("apps", "deployments"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _TAKES: "delete"},
    ("apps", "controllerrevisions"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _TAKES: "delete"},
    ("batch", "jobs"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _TAKES: "delete"},
    ("", "services"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _LEAVES: "delete"},
    ("", "serviceaccounts"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _LEAVES: "delete"},
    (POLICY, "poddisruptionbudgets"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _LEAVES: "delete"},
    (NETWORK, "networkpolicies"): {_SEES: "list watch", _ASKS: "get", _MAKES: "create patch", _LEAVES: "delete"},
    ("", "pods"): {_SEES: "list watch"},
    ("", "persistentvolumeclaims"): {"says when a claim that a model names is missing": "get"},
    ("", "secrets"): {"looks at the one credential that a model names": "get"},
    ("", "events"): {"tells what it did": "create"},
}
AT_HOME = {
    *(Right("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")),
    Right("", "events", "create"),
    # Counts the gateways, each of which enforces its part of every limit.
    *(Right("", "pods", verb) for verb in ("list", "watch")),
}
# For gateways: the authority of the line to them, and the copy for when there is none. Of these names and no other.
COPIES = [f"plimsoll-routing-copy-{number}" for number in range(8)]
FOR_GATEWAYS = {
    *(Right("", kind, verb, AUTHORITY) for kind in ("secrets", "configmaps") for verb in ("get", "create", "patch")),
    *(Right("", "secrets", verb, name) for name in COPIES for verb in ("get", "create", "patch", "delete")),
}
# Whether a token is that of a gateway. Such a question belongs to no namespace.
REVIEWS = {Right("authentication.k8s.io", "tokenreviews", "create")}
WANTED = {
    Right(group, resource, verb)
    for (group, resource), reasons in REASONS.items()
    for verbs in reasons.values()
    for verb in verbs.split()
}
# What would make a stolen token of the operator worth stealing, or its mistakes hard to undo.
NEVER = [
    Right("", "secrets", "list"),
    Right("", "secrets", "watch"),
    Right("", "secrets", "create"),
    Right("", "pods/exec", "create"),
    Right("", "pods/attach", "create"),
    Right("", "pods", "create"),
    Right("", "pods", "delete"),
    Right("", "nodes", "get"),
    Right("", "nodes/proxy", "get"),
    Right("", "serviceaccounts/token", "create"),
    Right("", "serviceaccounts", "impersonate"),
    Right("", "persistentvolumeclaims", "list"),
    Right("rbac.authorization.k8s.io", "roles", "create"),
    Right("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    Right("apiextensions.k8s.io", "customresourcedefinitions", "patch"),
    Right(MODELS, "modelkeys", "create"),
    Right(MODELS, "modelkeys", "patch"),
    Right(MODELS, "modelkeys", "delete"),
    Right(MODELS, "modelconfigs", "create"),
    Right(MODELS, "modelconfigs", "update"),
    Right(MODELS, "modelconfigs", "patch"),
    Right(MODELS, "modelconfigs", "delete"),
]


def role(found: list[Object], kind: str, name: str = NAME) -> Object:
    [only] = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return only


def may(kube: Kube, right: Right, namespace: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb}
    review = kube.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": ACCOUNT, "resourceAttributes": {**attributes, "name": right.name, "namespace": namespace}},
        }
    )
    return bool(review["status"]["allowed"])


def put(kube: Kube, found: list[Object]) -> Iterator[None]:
    """The rights of one installation, until the test has ended."""
    made = [each for each in found if each["kind"] in RIGHTS or each["metadata"]["name"] == HOME]
    for each in made:
        kube.apply(each, manager="plimsoll-tests", force=True)
    yield
    for each in made:
        if each["kind"] != "Namespace":
            kube.delete(each)


@pytest.fixture
def everywhere(cluster: ProcessCluster, kube: Kube) -> Iterator[None]:
    yield from put(kube, rendered(cluster))


@pytest.fixture
def only_here(cluster: ProcessCluster, kube: Kube, namespace: str) -> Iterator[str]:
    for _ in put(kube, rendered(cluster, [namespace])):
        yield namespace


def test_every_right_in_the_manifests_has_a_reason_and_every_reason_its_right(cluster: ProcessCluster) -> None:
    found = rendered(cluster)
    assert rights_of(role(found, "ClusterRole")) == WANTED
    assert rights_of(role(found, "Role")) == AT_HOME | FOR_GATEWAYS
    assert rights_of(role(found, "ClusterRole", f"{NAME}-reviews")) == REVIEWS
    assert len([each for each in found if each["kind"] in ("Role", "ClusterRole")]) == 3


def test_no_rule_has_a_wildcard(cluster: ProcessCluster) -> None:
    for each in rendered(cluster):
        for rule in each.get("rules", []) if each["kind"] in RIGHTS else []:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_everywhere_means_every_namespace(kube: Kube, namespace: str, everywhere: None) -> None:
    wait_until(lambda: may(kube, min(WANTED), namespace), 10, "the rights are in force")
    assert {right for right in WANTED if not may(kube, right, namespace)} == set()
    assert {right for right in WANTED if not may(kube, right, "default")} == set()


def test_chosen_namespaces_means_these_and_no_other(kube: Kube, only_here: str) -> None:
    wait_until(lambda: may(kube, min(WANTED), only_here), 10, "the rights are in force")
    assert {right for right in WANTED if not may(kube, right, only_here)} == set()
    # At home it writes events about itself and counts gateways in either mode.
    assert {right for right in WANTED if may(kube, right, HOME)} == WANTED & AT_HOME
    assert {right for right in WANTED if may(kube, right, "default")} == set()


def test_the_lease_is_held_at_home_and_nowhere_else(kube: Kube, namespace: str, everywhere: None) -> None:
    wait_until(lambda: all(may(kube, right, HOME) for right in AT_HOME), 10, "the rights are in force")
    leases = [right for right in AT_HOME if right.resource == "leases"]
    assert [right for right in leases if may(kube, right, namespace)] == []


def test_for_gateways_it_has_its_own_secrets_at_home_and_those_of_nobody_else(
    kube: Kube, namespace: str, everywhere: None
) -> None:
    wait_until(lambda: all(may(kube, right, HOME) for right in FOR_GATEWAYS), 10, "the rights are in force")
    writes = [right for right in FOR_GATEWAYS if right.verb != "get"]
    assert [right for right in writes if may(kube, right, namespace)] == []
    assert [right for right in writes if may(kube, replace(right, name="somebody-elses"), HOME)] == []


def test_it_may_ask_who_a_token_is_in_either_mode(kube: Kube, only_here: str) -> None:
    wait_until(lambda: all(may(kube, right, "") for right in REVIEWS), 10, "the rights are in force")


def test_it_may_never_do_what_would_make_its_token_worth_stealing(kube: Kube, namespace: str, everywhere: None) -> None:
    wait_until(lambda: may(kube, min(WANTED), namespace), 10, "the rights are in force")
    assert [right for right in NEVER if may(kube, right, namespace) or may(kube, right, HOME)] == []


def test_every_object_of_an_installation_is_taken_as_it_is_written(
    cluster: ProcessCluster, kube: Kube, only_here: str
) -> None:
    for each in rendered(cluster, [only_here]):
        # The definition has its own tests, and may be there for one of them.
        if each["kind"] not in (*RIGHTS, "CustomResourceDefinition") and each["metadata"]["name"] != HOME:
            kube.try_create(each)
