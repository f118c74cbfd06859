"""The CustomResourceDefinition as a file: what `plimsoll crds` prints."""

from __future__ import annotations

from plimsoll.api.kinds import MODEL_CONFIG, Kind
from plimsoll.cli.crds import definition_yaml

HEADER = "# Made by `make generate` from operator/plimsoll/api; change it there.\n"


def definition_text(kind: Kind = MODEL_CONFIG) -> str:
    return HEADER + definition_yaml(kind)
