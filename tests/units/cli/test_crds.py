"""`plimsoll crds`."""

from __future__ import annotations

from pathlib import Path

import yaml

from plimsoll.api.kinds import KINDS
from tests.support.command import Command

MADE = Path(__file__).parents[3] / "manifests" / "crds"


def test_the_definitions_are_those_in_the_manifests(plimsoll: Command) -> None:
    printed = list(yaml.safe_load_all(plimsoll("crds").output))
    assert printed == [yaml.safe_load((MADE / f"{kind.plural}.yaml").read_text()) for kind in KINDS]
    assert [each["metadata"]["name"] for each in printed] == ["modelconfigs.plimsoll.dev", "modelkeys.plimsoll.dev"]


def test_the_manifests_have_a_definition_of_every_kind() -> None:
    listed = yaml.safe_load((MADE / "kustomization.yaml").read_text())["resources"]
    assert listed == [f"{kind.plural}.yaml" for kind in KINDS]
