"""The reference of the API as pages: every field, every rule, every condition and reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plimsoll.api import names
from plimsoll.api.conditions import ConditionType
from plimsoll.api.contract import INT_OR_STRING
from plimsoll.api.crd import structural_schema
from plimsoll.api.kinds import Kind
from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES

Schema = dict[str, Any]

HEADER = "<!-- Made by `make generate` from operator/plimsoll/api; change it there. -->\n"
_LIMITS = (
    ("minimum", "≥ {}"),
    ("maximum", "≤ {}"),
    ("minLength", "≥ {} characters"),
    ("maxLength", "≤ {} characters"),
    ("minItems", "≥ {} entries"),
    ("maxItems", "≤ {} entries"),
    ("maxProperties", "≤ {} entries"),
)


def reference_text(kind: Kind) -> str:
    columns = ", ".join(name for name, _, _ in kind.columns)
    schema = structural_schema(kind)
    editors = f"[the JSON schema]({kind.singular}.schema.json)"
    return "\n".join(
        [
            HEADER,
            f"# {kind.name}",
            "",
            f"{kind.summary} `{names.API_VERSION}`, namespaced,",
            f"short name `{kind.short_name}`. `kubectl get {kind.short_name}` shows {columns}.",
            "",
            f"Editors complete it with {editors}. What the conditions in its status",
            "mean is in [Conditions and reasons](conditions.md).",
            "",
            *object_tables("spec", schema["properties"]["spec"]),
            *object_tables("status", schema["properties"]["status"]),
            "## Rules",
            "",
            "The API server refuses what breaks a rule, and so does the check without a cluster, in the same words.",
            "",
            "| Rule | Looks at | Refusal |",
            "|---|---|---|",
            *(f"| `{rule.name}` | `{rule.at or kind.name}` | {_cell(rule.message)} |" for rule in kind.rules),
            "",
        ]
    )


def conditions_text() -> str:
    return "\n".join(
        [
            HEADER,
            "# Conditions and reasons",
            "",
            "A condition is a statement that is `True`, `False` or `Unknown`, with a reason from the list below and a",
            "message that has the particulars. Events and termination messages of containers use the same reasons.",
            "",
            "## Conditions",
            "",
            "| Condition | Means when True |",
            "|---|---|",
            *(f"| `{each.value}` | {each.meaning} |" for each in ConditionType),
            "",
            "## Reasons",
            "",
            "*Waits* says whether time alone may heal it. *Exit code* is the one of a container that ends for this",
            "reason; [the engine contract](../engine-contract.md#how-containers-end) has the rest.",
            "",
            "| Reason | Means | Waits | Exit code | What to do |",
            "|---|---|---|---|---|",
            *(
                f"| `{each.value}` | {_cell(each.meaning)} | {'no' if each.needs_change else 'yes'} | "
                f"{EXIT_CODES.get(each, '-')} | {_cell(each.fix) or '-'} |"
                for each in Reason
            ),
            "",
        ]
    )


def object_tables(path: str, schema: Schema) -> Iterator[str]:
    """A table of the fields of an object, then one for each object below it."""
    yield f"## {path}"
    yield ""
    yield schema.get("description", "")
    yield ""
    yield "| Field | Type | Default | Description |"
    yield "|---|---|---|---|"
    required = schema.get("required", ())
    below = []
    for name, field in schema["properties"].items():
        default = "required" if name in required else _default(field)
        yield f"| `{name}` | {_type(field)} | {default} | {_cell(field['description'])}{_limits(field)} |"
        if "properties" in field:
            below.append((f"{path}.{name}", field))
        elif "properties" in field.get("items", {}):
            below.append((f"{path}.{name}[]", {**field["items"], "description": field["description"]}))
    yield ""
    for child, field in below:
        yield from object_tables(child, field)


def _type(field: Schema) -> str:
    if field.get(INT_OR_STRING):
        return "quantity"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        inner = "object" if "properties" in field["items"] else _type(field["items"])
        return f"list of {inner}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return str(field["type"])


def _default(field: Schema) -> str:
    if "default" not in field or field["default"] == {}:
        return "-"
    value = field["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _limits(field: Schema) -> str:
    if "enum" in field or field.get(INT_OR_STRING):
        return ""
    found = [words.format(f"{field[key]:.15g}") for key, words in _LIMITS if key in field]
    return f" *{', '.join(found)}*" if found else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
