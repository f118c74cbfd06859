"""The CustomResourceDefinition as YAML that is small and can still be read."""

from __future__ import annotations

from typing import Any

import yaml

from plimsoll.api.crd import custom_resource_definition

HEADER = "# Made by `make generate` from operator/plimsoll/api; change it there.\n"
_WIDE = 1_000_000
# Characters. Every line of its own costs its indentation, and the whole has to stay small.
_ONE_LINE = 2000


class _OneLine(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: Kubernetes' own tools do not all follow YAML's anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _one_line(dumper: _Dumper, data: _OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


_Dumper.add_representer(_OneLine, _one_line)


def _compact(node: Any) -> Any:
    """What is short stands on one line."""
    if isinstance(node, list):
        return [_compact(each) for each in node]
    if not isinstance(node, dict):
        return node
    if len(str(node)) <= _ONE_LINE or not any(isinstance(value, dict | list) for value in node.values()):
        return _OneLine(node)
    return {key: _compact(value) for key, value in node.items()}


def definition_text() -> str:
    body = yaml.dump(_compact(custom_resource_definition()), Dumper=_Dumper, sort_keys=False, width=_WIDE)
    return HEADER + body
