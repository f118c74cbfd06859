"""From the models to the CustomResourceDefinition; the only place that knows the pitfalls of structural schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

from plimsoll.api import names
from plimsoll.api.contract import INT_OR_STRING, Contract
from plimsoll.api.kinds import MODEL_CONFIG, Kind
from plimsoll.api.rules import Rule

Schema = dict[str, Any]

# Handed over as they are. What is not listed is either rewritten below or unknown to Kubernetes.
_KEPT = (
    "type",
    "description",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
)

_SCALE = {
    "specReplicasPath": ".spec.scaling.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


@cache
def structural_schema(kind: Kind = MODEL_CONFIG) -> Schema:
    """The schema of the whole object, with rules. Shared: callers must not change it."""
    schema = structural(kind.model)
    properties = schema["properties"]
    # Kubernetes allows nothing but the type on these.
    properties["metadata"] = {"type": "object"}
    for key in ("apiVersion", "kind"):
        properties[key] = {"type": "string", "description": properties[key]["description"]}
    schema["required"] = ["spec"]
    _without_defaults(properties["status"])
    # No generation is 0: until somebody has looked at it, a model is in progress. Without any status, kstatus and with
    # it Flux would call it done.
    properties["status"]["default"] = {"observedGeneration": 0}
    for rule in kind.rules:
        part_at(schema, rule.at).setdefault("x-kubernetes-validations", []).append(_validation(rule))
    return schema


def structural(model: type[Contract]) -> Schema:
    """A model's schema without references, null and everything else that Kubernetes does not know."""
    generated = model.model_json_schema(by_alias=True)
    return _structural(generated, generated.get("$defs", {}))


def part_at(schema: Schema, path: str) -> Schema:
    """The part of a structural schema at a path such as spec.prompt.roles[].frame."""
    for key in path.replace("[]", ".[]").split(".") if path else ():
        schema = schema["items"] if key == "[]" else schema["properties"][key]
    return schema


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.cel, "message": rule.told}
    # A schema may not know what is in metadata, so the server cannot point there.
    points = rule.field and not rule.field.startswith(".metadata.")
    return {**validation, "fieldPath": rule.field} if points else validation


def _structural(node: Schema, definitions: Schema) -> Schema:
    node = _resolved(node, definitions)
    if node.get(INT_OR_STRING):
        return _int_or_string(node)
    made = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        made["enum"] = [node["const"]]
    if "properties" in node:
        made["properties"] = {key: _structural(each, definitions) for key, each in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if "items" in node:
        made["items"] = _structural(node["items"], definitions)
    default = node.get("default")
    # The parts of a default object bring their own; of a list, absent and empty mean the same.
    if default is not None and not isinstance(default, list):
        made["default"] = {} if isinstance(default, dict) else default
    return made


def _resolved(node: Schema, definitions: Schema) -> Schema:
    """Without references and without null: absent is the only way to say nothing."""
    while True:
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
        elif "anyOf" in node and not node.get(INT_OR_STRING):
            (target,) = [each for each in node["anyOf"] if each.get("type") != "null"]
        else:
            return node
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        node = {**target, **beside}


def _int_or_string(node: Schema) -> Schema:
    number, text = node["anyOf"]
    return {
        INT_OR_STRING: True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "description": node["description"],
        "minimum": number["minimum"],
        "maxLength": text["maxLength"],
        "pattern": text["pattern"],
    }


def _without_defaults(node: Schema) -> None:
    """The operator writes status as it is; the server shall add nothing to it."""
    node.pop("default", None)
    for each in node.get("properties", {}).values():
        _without_defaults(each)
    if "items" in node:
        _without_defaults(node["items"])


def custom_resource_definition(kind: Kind = MODEL_CONFIG) -> Schema:
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": structural_schema(kind)},
        "subresources": {"status": {}, **({"scale": dict(_SCALE)} if kind.scales else {})},
        "additionalPrinterColumns": [
            {"name": title, "type": type_, "jsonPath": path} for title, type_, path in kind.columns
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": kind.definition,
            "labels": {"app.kubernetes.io/name": "plimsoll", "app.kubernetes.io/part-of": "plimsoll"},
        },
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short_name],
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }
