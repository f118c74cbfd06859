"""The steps of an installation, each with the words it ends with when it cannot go on."""

from __future__ import annotations

import pytest

from tests.support.said_kubectl import SaidKubectl
from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress, Silent
from tools.images.record import Built
from tools.install import installing
from tools.install.errors import InstallError
from tools.install.installing import (
    apply,
    bring_image,
    by_turn,
    require_namespaces,
    require_version,
    withdraw_rights,
)
from tools.install.target import Target

BUILT = Built("localhost/plimsoll/plimsoll:ab", "sha256:ab", "buildah", "", "image.tar", ())


@pytest.mark.parametrize("minor", ["31", "36+"])
def test_kubernetes_1_31_and_newer_is_taken(minor: str) -> None:
    require_version(SaidKubectl({"version": {"serverVersion": {"major": "1", "minor": minor}}}))


def test_an_older_kubernetes_is_refused_by_its_number() -> None:
    with pytest.raises(InstallError, match=r"is Kubernetes 1\.30; Plimsoll needs 1\.31 or newer"):
        require_version(SaidKubectl({"version": {"serverVersion": {"major": "1", "minor": "30"}}}))


def test_a_namespace_that_is_not_there_is_named_before_anything_is_written() -> None:
    with pytest.raises(InstallError, match="There is no namespace blue: create it"):
        require_namespaces(SaidKubectl({"get namespaces red blue": "namespace/red\n"}), ("red", "blue"))


def test_every_namespace_needs_no_look() -> None:
    require_namespaces(SaidKubectl(), ())


def test_what_somebody_else_changed_is_not_overwritten_and_both_ways_on_are_told() -> None:
    conflict = ClusterError('kubectl apply failed: Apply failed with 1 conflict: conflict with "kubectl-edit"')
    with pytest.raises(InstallError, match=r"(?s)kubectl-edit.*--configuration FILE; or repeat with --force"):
        apply(SaidKubectl({"apply": conflict}), [], force=False)


def test_by_force_it_is_taken_back() -> None:
    kubectl = SaidKubectl({"apply --server-side --field-manager=plimsoll-install --force-conflicts": ""})
    apply(kubectl, [{"kind": "ConfigMap"}], force=True)
    assert kubectl.given == ["kind: ConfigMap\n"]


def test_gateways_come_when_the_operator_is_there() -> None:
    def named(kind: str, name: str) -> dict[str, object]:
        return {"kind": kind, "metadata": {"name": name}}

    operator, service = named("Deployment", "plimsoll-operator"), named("Service", "plimsoll-gateway")
    gateway = named("Deployment", "plimsoll-gateway")
    assert by_turn([service, gateway, operator]) == ([service, operator], [gateway])


def test_any_other_refusal_keeps_its_words() -> None:
    with pytest.raises(ClusterError, match="is forbidden"):
        apply(SaidKubectl({"apply": ClusterError("deployments is forbidden")}), [], force=False)


def binding(kind: str, name: str, namespace: str = "") -> dict[str, object]:
    place = {"namespace": namespace} if namespace else {}
    return {"kind": kind, "metadata": {"name": name, **place}}


def test_rights_of_an_earlier_installation_are_taken_back() -> None:
    kept = binding("RoleBinding", "plimsoll-operator-serves", "red")
    gone = [
        binding("ClusterRoleBinding", "plimsoll-operator"),
        binding("RoleBinding", "plimsoll-operator-serves", "blue"),
    ]
    kubectl = SaidKubectl({"get clusterrolebindings,rolebindings": {"items": [kept, *gone]}, "delete": ""})
    withdraw_rights(kubectl, [kept])
    assert kubectl.asked[1:] == [
        "delete clusterrolebinding plimsoll-operator",
        "delete rolebinding plimsoll-operator-serves --namespace=blue",
    ]


def nodes(*images: str, kwok: bool = False) -> dict[str, object]:
    annotations = {"kwok.x-k8s.io/node": "fake"} if kwok else {}
    status = {"images": [{"names": list(images)}]}
    return {"get nodes": {"items": [{"metadata": {"annotations": annotations}, "status": status}]}}


class Heard(Silent):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_the_image_is_loaded_into_a_cluster_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str, images: list[Built], _root: object, _progress: Progress) -> None:
        loaded.extend([name, *(image.reference for image in images)])

    monkeypatch.setattr(installing, "load", load)
    bring_image(Target("cluster demo", SaidKubectl(nodes()), "demo"), BUILT.reference, BUILT, Heard())
    assert loaded == ["demo", BUILT.reference]


def test_nothing_is_loaded_into_nodes_that_run_nothing() -> None:
    bring_image(Target("cluster fast", SaidKubectl(nodes(kwok=True)), "fast"), BUILT.reference, BUILT, Heard())


def test_a_cluster_of_others_that_lacks_the_image_is_told_so_and_is_not_touched() -> None:
    heard = Heard()
    bring_image(Target("the cluster of KUBECONFIG", SaidKubectl(nodes())), BUILT.reference, BUILT, heard)
    assert heard.lines == [
        f"no node reports {BUILT.reference}: load it there, or push it and name it: see docs/install.md",
    ]


def test_an_image_from_elsewhere_is_left_to_the_nodes() -> None:
    bring_image(Target("cluster demo", SaidKubectl(), "demo"), "registry.example.com/p:1", BUILT, Heard())
