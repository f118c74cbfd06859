"""`plimsoll crds`."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.support.command import Command

MADE = Path(__file__).parents[3] / "manifests" / "crds" / "modelconfigs.yaml"


def test_the_definitions_are_those_in_the_manifests(plimsoll: Command) -> None:
    assert yaml.safe_load(plimsoll("crds").output) == yaml.safe_load(MADE.read_text())
