"""A JSON schema for editors: they complete names and show descriptions while a ModelConfig is written."""

from __future__ import annotations

import json

from plimsoll.api.modelconfig import ModelConfig


def editor_schema_text() -> str:
    schema = ModelConfig.model_json_schema(by_alias=True)
    # Nobody writes a status, so no editor should offer it.
    del schema["properties"]["status"]
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ModelConfig of plimsoll.dev/v1alpha1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
