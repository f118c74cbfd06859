"""`plimsoll crds`: the definitions that a cluster needs, as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plimsoll.api.kinds import Kind

# Characters. Every line of its own costs its indentation, and the whole has to stay small.
_ONE_LINE = 3000
_WIDE = 1_000_000


def crds() -> None:
    """Print the definitions that a cluster needs.

    \b
    plimsoll crds | kubectl apply --server-side -f -
    """
    from plimsoll.api.kinds import KINDS
    from plimsoll.cli.output import write

    write("---\n".join(definition_yaml(kind) for kind in KINDS))


def definition_yaml(kind: Kind) -> str:
    """Small, and still readable: what is short stands on one line."""
    import yaml

    from plimsoll.api.crd import custom_resource_definition

    class OneLine(dict[str, Any]):
        """A mapping that is written on one line."""

    class Dumper(yaml.SafeDumper):
        """Writes what occurs twice twice: Kubernetes' own tools do not all follow YAML's anchors."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def compact(node: Any) -> Any:
        if isinstance(node, list):
            return [compact(each) for each in node]
        if not isinstance(node, dict):
            return node
        if len(str(node)) <= _ONE_LINE or not any(isinstance(value, dict | list) for value in node.values()):
            return OneLine(node)
        return {key: compact(value) for key, value in node.items()}

    Dumper.add_representer(
        OneLine, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
    )
    text: str = yaml.dump(compact(custom_resource_definition(kind)), Dumper=Dumper, sort_keys=False, width=_WIDE)
    return text
