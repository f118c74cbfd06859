"""O-01: whatever is written into any field of a ModelConfig, the API server and we agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.parts import Schema, leaves
from plimsoll.api.validate import validate
from tests.support.form import Form
from tests.support.kube import Kube
from tests.support.model_configs import base, leaf_table, model_config, with_value


def _mutations(schema: Schema) -> Iterator[Any]:
    """Wrong types, nothing at all, and both sides of every limit."""
    yield from (None, "", -1, 0, 1, 1.5, True, [], {}, [None], "x", {"a": None})
    for key in ("minimum", "maximum"):
        if key in schema:
            yield from (schema[key] - 1, schema[key], schema[key] + 1)
    if "maxLength" in schema:
        yield from ("a" * schema["maxLength"], "a" * (schema["maxLength"] + 1))
    if "maxItems" in schema:
        yield [str(number) for number in range(schema["maxItems"] + 1)]
    if "maxProperties" in schema:
        yield {f"k{number}": "v" for number in range(schema["maxProperties"] + 1)}


def _points() -> list[tuple[str, Any]]:
    fields = leaves(part_at(structural_schema(), "spec"))
    return [(path, value) for path, schema in fields for value in _mutations(schema)]


@pytest.mark.usefixtures("definition")
def test_o01_no_value_of_any_field_is_judged_differently(kube: Kube, form: Form) -> None:
    table = leaf_table()
    disagreements = []
    for path, value in form.sample("leaves", _points(), short=300):
        document = model_config(with_value(base(table[path][0]), path, value))
        ours = bool(validate(document))
        if (kube.refusal(document) is not None) != ours:
            disagreements.append((path, value, "we refuse" if ours else "the server refuses"))
    assert disagreements == []
