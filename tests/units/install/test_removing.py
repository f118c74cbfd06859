"""What goes with the operator, what stays, and what has to be said twice."""

from __future__ import annotations

import pytest
import yaml

from tests.support.said_kubectl import SaidKubectl
from tools.cluster.progress import Silent
from tools.install.errors import InstallError
from tools.install.removing import by_turn, models_in, remove
from tools.install.target import Target

DEFINITION = "modelconfigs.plimsoll.dev"
OBJECTS = [{"kind": "Namespace"}, {"kind": "CustomResourceDefinition"}, {"kind": "Deployment"}]


def cluster(*namespaces: str, defined: bool = True) -> SaidKubectl:
    return SaidKubectl(
        {
            f"get crd {DEFINITION}": f"customresourcedefinition/{DEFINITION}\n" if defined else "",
            f"get {DEFINITION}": {"items": [{"metadata": {"namespace": name}} for name in namespaces]},
            "get deployment": "",
            "kustomize": yaml.safe_dump_all(OBJECTS),
            "delete": "",
        }
    )


def deleted(kubectl: SaidKubectl) -> list[str]:
    return [each["kind"] for text in kubectl.given for each in yaml.safe_load_all(text)]


def test_the_definition_and_with_it_every_model_stays() -> None:
    kubectl = cluster("red")
    remove(Target("cluster demo", kubectl), Silent(), crds=False, models_too=False)
    assert deleted(kubectl) == ["Deployment", "Namespace"]
    assert not any("delete crd" in command for command in kubectl.asked)


def test_the_operator_has_its_rights_until_its_pods_have_ended() -> None:
    first, rest = by_turn(OBJECTS)
    assert [[each["kind"] for each in group] for group in (first, rest)] == [
        ["Deployment"],
        ["Namespace", "CustomResourceDefinition"],
    ]


def test_models_that_would_go_are_counted_and_nothing_is_removed() -> None:
    kubectl = cluster("red", "red", "blue")
    with pytest.raises(InstallError, match=r"1 in blue, 2 in red\. .* repeat it with ARGS=.--crds --and-models"):
        remove(Target("cluster demo", kubectl), Silent(), crds=True, models_too=False)
    assert not any(command.startswith("delete") for command in kubectl.asked)


@pytest.mark.parametrize(("namespaces", "models_too"), [((), False), (("red",), True)])
def test_the_definition_goes_when_no_model_does_or_that_was_said(namespaces: tuple[str, ...], models_too: bool) -> None:
    kubectl = cluster(*namespaces)
    remove(Target("cluster demo", kubectl), Silent(), crds=True, models_too=models_too)
    assert kubectl.asked[-1].startswith(f"delete crd {DEFINITION}")


def test_where_nothing_is_defined_there_are_no_models() -> None:
    assert models_in(cluster(defined=False)).total() == 0
