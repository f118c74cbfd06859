"""A JSON schema for editors: they complete names and show descriptions while an object is written."""

from __future__ import annotations

import json

from plimsoll.api import names
from plimsoll.api.kinds import Kind


def editor_schema_text(kind: Kind) -> str:
    schema = kind.model.model_json_schema(by_alias=True)
    # Nobody writes a status, so no editor should offer it.
    del schema["properties"]["status"]
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind.name} of {names.API_VERSION}",
        **{key: value for key, value in schema.items() if key != "title"},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
