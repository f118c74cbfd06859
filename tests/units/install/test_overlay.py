"""The overlay that an installation is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tools.install import overlay
from tools.install.errors import InstallError
from tools.install.settings import Settings

CONFIGURATION = "images: {plimsoll: x}\n"
DIGEST = f"sha256:{'a' * 64}"


def kustomization(settings: Settings) -> dict[str, object]:
    made: dict[str, object] = yaml.safe_load(overlay.files(settings, "../../manifests")["kustomization.yaml"])
    return made


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("localhost/plimsoll/plimsoll:ab12", {"newName": "localhost/plimsoll/plimsoll", "newTag": "ab12"}),
        ("registry.example.com:5000/plimsoll:1", {"newName": "registry.example.com:5000/plimsoll", "newTag": "1"}),
        ("registry.example.com:5000/plimsoll", {"newName": "registry.example.com:5000/plimsoll", "newTag": "latest"}),
        (f"example.com/p:1@{DIGEST}", {"newName": "example.com/p", "digest": DIGEST}),
    ],
)
def test_an_image_is_taken_apart_as_kustomize_wants_it(reference: str, image: dict[str, str]) -> None:
    assert kustomization(Settings(reference, CONFIGURATION))["images"] == [{"name": "plimsoll", **image}]


def test_an_image_that_is_none_is_refused_with_the_form() -> None:
    with pytest.raises(InstallError, match="write it as NAME:TAG or NAME@sha256:DIGEST"):
        overlay.files(Settings("a@b@c", CONFIGURATION), "../../manifests")


def test_for_every_namespace_the_base_is_taken_as_it_is() -> None:
    made = overlay.files(Settings("a:b", CONFIGURATION), "../../manifests")
    assert set(made) == {"kustomization.yaml", "configuration.yaml"}
    assert made["configuration.yaml"] == CONFIGURATION
    assert yaml.safe_load(made["kustomization.yaml"])["resources"] == ["../../manifests/base"]


def test_each_served_namespace_gets_its_rights_and_the_operator_is_told_its_name() -> None:
    made = overlay.files(Settings("a:b", CONFIGURATION, ("red", "blue")), "../../manifests")
    whole = yaml.safe_load(made["kustomization.yaml"])
    assert whole["components"] == ["../../manifests/namespaced"]
    assert whole["resources"] == ["../../manifests/base", "served-red", "served-blue"]
    assert yaml.safe_load(made["served-red/kustomization.yaml"])["namespace"] == "red"
    assert [change["value"] for change in json.loads(whole["patches"][0]["patch"])] == [
        "--namespace=red",
        "--namespace=blue",
    ]


def test_the_number_of_gateways_is_that_of_the_base_unless_it_was_said() -> None:
    assert "replicas" not in kustomization(Settings("a:b", CONFIGURATION))
    assert kustomization(Settings("a:b", CONFIGURATION, gateways=0))["replicas"] == [
        {"name": "plimsoll-gateway", "count": 0},
    ]


def test_nothing_of_an_earlier_overlay_is_left(tmp_path: Path) -> None:
    overlay.write(tmp_path / "made", {"served-red/kustomization.yaml": "old"})
    overlay.write(tmp_path / "made", {"kustomization.yaml": "new"})
    assert [path.name for path in (tmp_path / "made").rglob("*")] == ["kustomization.yaml"]
