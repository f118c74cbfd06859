"""ModelConfigs for tests: builders, and the one table of what is accepted and what is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from plimsoll.api.generation import PARAMETERS

Object = dict[str, Any]

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
_TABLE = Path(__file__).with_name("rule_cases.yaml")
# Two values that each parameter can have.
_LOW_AND_HIGH = {"topP": (0.25, 0.75)}


@dataclass(frozen=True)
class Case:
    """A document, and the rule and field for which it has to be refused; without a rule it has to be accepted."""

    id: str
    document: Object = field(repr=False)
    keeps: str = ""
    breaks: str = ""
    field: str = ""


def model_config(spec: Object, name: str = "chat", namespace: str = "default") -> Object:
    return {
        "apiVersion": "plimsoll.dev/v1alpha1",
        "kind": "ModelConfig",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def samples(kind: str = "ModelConfig") -> list[Path]:
    """Those of a kind; the first is the one that a newcomer meets first."""
    found = (path for path in SAMPLES.rglob("*.yaml") if f"\nkind: {kind}\n" in path.read_text(encoding="utf-8"))
    return sorted(found, key=lambda path: ("quickstart" not in path.parts, path))


def merged(base: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7386), but inside lists null stays."""
    if not isinstance(change, dict) or not isinstance(base, dict):
        return copy.deepcopy(change)
    made = dict(base)
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key, {} if isinstance(value, dict) else None), value)
    return made


@cache
def _table() -> Object:
    table: Object = yaml.safe_load(_TABLE.read_text())
    return table


def base(name: str) -> Object:
    spec: Object = copy.deepcopy(_table()["bases"][name])
    return spec


@cache
def leaf_table() -> dict[str, tuple[str, str, Any, Any]]:
    """Every field of spec: a base to change it in, what the change leads to, and two values."""
    text = Path(__file__).with_name("leaves.yaml").read_text()
    return {path: tuple(entry) for path, entry in yaml.safe_load(text).items()}


def with_value(spec: Object, path: str, value: Any) -> Object:
    """The spec with one field set, and whatever is needed above it."""
    made = copy.deepcopy(spec)
    node: Any = made
    *above, last = path.split(".")
    for key in above:
        node = node.setdefault(key[:-2], [{}])[0] if key.endswith("[]") else node.setdefault(key, {})
    node[last] = value
    return made


def cases() -> list[Case]:
    return [*_rule_cases(), *_schema_cases()]


def _rule_cases() -> list[Case]:
    made = []
    for rule, entry in _expanded().items():
        for verdict in ("accepted", "refused"):
            documents = [model_config(merged(base(entry["base"]), change)) for change in entry.get(verdict, ())]
            named = entry.get("names", {}).get(verdict, ())
            documents += [model_config(base(entry["base"]), name=name) for name in named]
            key = "keeps" if verdict == "accepted" else "breaks"
            made += [
                Case(f"{rule} {verdict} {number}", document, **{key: rule}) for number, document in enumerate(documents)
            ]
    return made


def _expanded() -> dict[str, Object]:
    made: dict[str, Object] = {}
    for rule, entry in _table()["rules"].items():
        if "$slug" not in rule:
            made[rule] = entry
            continue
        for parameter in PARAMETERS:
            low, high = _LOW_AND_HIGH.get(parameter.name, (1, 2))
            text = json.dumps(entry).replace("$name", parameter.name)
            text = text.replace('"$low"', str(low)).replace('"$high"', str(high))
            made[rule.replace("$slug", parameter.name.lower())] = json.loads(text)
    return made


def _schema_cases() -> list[Case]:
    made = []
    for verdict, entries in _table()["schema"].items():
        for number, entry in enumerate(entries):
            document = model_config(merged(base(entry["base"]), entry["change"]))
            if "remove" in entry:
                _remove(document, entry["remove"])
            broken = "schema" if verdict == "refused" else ""
            made.append(Case(f"schema {verdict} {number}", document, breaks=broken, field=entry.get("field", "")))
    return made


def _remove(document: Object, path: str) -> None:
    *above, last = path.split(".")
    for key in above:
        document = document[key]
    del document[last]
