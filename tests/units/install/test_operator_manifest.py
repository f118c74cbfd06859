"""The operator as it is installed: whom it lets in, at which of its ports."""

from __future__ import annotations

from typing import Any

import yaml

from tools.install.installing import ROOT

Object = dict[str, Any]

BASE = ROOT / "manifests" / "base"
LABELS = {"app.kubernetes.io/name": "plimsoll", "app.kubernetes.io/component": "operator"}


def objects(name: str) -> list[Object]:
    return list(yaml.safe_load_all((BASE / name).read_text()))


TEMPLATE = objects("deployment.yaml")[0]["spec"]["template"]
GATEWAY = next(each for each in objects("gateway.yaml") if each["kind"] == "Deployment")["spec"]["template"]
[POLICY] = objects("network.yaml")
PORTS = {each["name"]: each["containerPort"] for each in TEMPLATE["spec"]["containers"][0]["ports"]}


def test_everything_selects_its_pods_and_no_others() -> None:
    services = [each["spec"]["selector"] for name in ("service", "routing-service") for each in objects(f"{name}.yaml")]
    assert [POLICY["spec"]["podSelector"]["matchLabels"], *services] == [LABELS] * 3
    assert LABELS.items() <= TEMPLATE["metadata"]["labels"].items()


def test_only_gateways_come_to_the_port_that_tells_them_about_keys() -> None:
    [rule] = [each for each in POLICY["spec"]["ingress"] if "from" in each]
    assert rule["ports"] == [{"port": PORTS["routing"], "protocol": "TCP"}]
    [peer] = rule["from"]
    # Without a namespace: those beside it.
    assert list(peer) == ["podSelector"]
    assert peer["podSelector"]["matchLabels"].items() <= GATEWAY["metadata"]["labels"].items()


def test_everything_else_is_open_to_those_who_look_after_it() -> None:
    [rule] = [each for each in POLICY["spec"]["ingress"] if "from" not in each]
    assert {each["port"] for each in rule["ports"]} == {PORTS["health"], PORTS["metrics"]}


def test_it_is_part_of_the_installation() -> None:
    [kustomization] = objects("kustomization.yaml")
    assert "network.yaml" in kustomization["resources"]
    assert POLICY["spec"]["policyTypes"] == ["Ingress"]
