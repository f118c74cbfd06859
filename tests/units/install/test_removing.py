"""What goes with the operator, what stays, and what has to be said twice."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plimsoll.api.kinds import KINDS, Kind
from tests.support.said_kubectl import SaidKubectl
from tools.cluster.progress import Silent
from tools.install.errors import InstallError
from tools.install.removing import by_turn, objects_of, remove
from tools.install.target import Target

MODELS, KEYS = "modelconfigs.plimsoll.dev", "modelkeys.plimsoll.dev"
OBJECTS = [{"kind": "Namespace"}, {"kind": "CustomResourceDefinition"}, {"kind": "Deployment"}]


def cluster(*namespaces: str, keys: tuple[str, ...] = (), defined: bool = True) -> SaidKubectl:
    answers: dict[str, Any] = {"get deployment": "", "kustomize": yaml.safe_dump_all(OBJECTS), "delete": ""}
    for definition, found in ((MODELS, namespaces), (KEYS, keys)):
        answers[f"get crd {definition}"] = f"customresourcedefinition/{definition}\n" if defined else ""
        answers[f"get {definition}"] = {"items": [{"metadata": {"namespace": name}} for name in found]}
    return SaidKubectl(answers)


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


@pytest.mark.parametrize(
    ("models", "keys", "told"),
    [
        (("red", "red", "blue"), (), r"serves it: ModelConfigs 1 in blue, 2 in red\. "),
        ((), ("red",), r"serves it: ModelKeys 1 in red\. "),
        (("red",), ("red", "blue"), r"ModelConfigs 1 in red; ModelKeys 1 in blue, 1 in red\. "),
    ],
)
def test_what_would_go_is_counted_and_nothing_is_removed(
    models: tuple[str, ...], keys: tuple[str, ...], told: str
) -> None:
    kubectl = cluster(*models, keys=keys)
    with pytest.raises(InstallError, match=rf"{told}.* repeat it with ARGS=.--crds --and-models"):
        remove(Target("cluster demo", kubectl), Silent(), crds=True, models_too=False)
    assert not any(command.startswith("delete") for command in kubectl.asked)


@pytest.mark.parametrize(("namespaces", "models_too"), [((), False), (("red",), True)])
def test_the_definitions_go_when_nothing_goes_with_them_or_that_was_said(
    namespaces: tuple[str, ...], models_too: bool
) -> None:
    kubectl = cluster(*namespaces, keys=namespaces)
    remove(Target("cluster demo", kubectl), Silent(), crds=True, models_too=models_too)
    assert kubectl.asked[-1].startswith(f"delete crd {MODELS} {KEYS}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_where_nothing_is_defined_there_is_nothing(kind: Kind) -> None:
    assert objects_of(cluster(defined=False), kind).total() == 0
