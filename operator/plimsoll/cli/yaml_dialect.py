"""YAML as Kubernetes reads it: a time or 1:30 is text, 1e3 is a number, and a key stands once."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any

import yaml

_WIDTH = 120
_NUMBER = "-+.0123456789"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_WHOLE = re.compile(r"^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?(?:0|[1-9][0-9_]*))$")
_BROKEN = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$")
_OTHERWISE = (_INT, _FLOAT, "tag:yaml.org,2002:timestamp")


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            mark = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
            if mark in seen:
                raise ValueError(f"the key {key.value!r} stands twice, again in line {key.start_mark.line + 1}")
            seen.add(mark)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice, and quotes every text that either dialect would take for something else."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


@cache
def _set_up() -> None:
    _Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag not in _OTHERWISE]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for dialect in (_Loader, _Dumper):
        dialect.add_implicit_resolver(_INT, _WHOLE, list(_NUMBER))
        dialect.add_implicit_resolver(_FLOAT, _BROKEN, list(_NUMBER))


def load_all(text: str) -> list[Any]:
    """Raises YAMLError, ValueError or RecursionError."""
    _set_up()
    return list(yaml.load_all(text, Loader=_Loader))


def dump_all(documents: Sequence[Any], *, readable: bool, explicit_start: bool = False) -> str:
    """Without `readable` every character beyond ASCII is written as its number."""
    _set_up()
    text: str = yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=readable,
        width=_WIDTH,
        explicit_start=explicit_start,
    )
    return text
