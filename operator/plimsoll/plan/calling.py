"""How a model is called: what its status tells people to copy."""

from __future__ import annotations

import json

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.rules.rule import find
from plimsoll.plan.observed import Object

# As `plimsoll key create` suggests to keep it.
_KEY = "$PLIMSOLL_API_KEY"


def gateway_url(configuration: OperatorConfiguration) -> str:
    """The base URL of every model, as clients of OpenAI's API take it."""
    return configuration.gateway.url or f"http://plimsoll-gateway.{configuration.namespace}.svc/v1"


def example(url: str, full_name: str, spec: Object) -> str:
    """One call in one line; `full_name` is namespace/name, which means the same model for every key."""
    path = "chat/completions"
    asked: Object = {"messages": [{"role": "user", "content": "Hello"}]}
    if find(spec, "engine.options.mode") == "embed":
        path, asked = "embeddings", {"input": "Hello"}
    body = json.dumps({"model": full_name, **asked})
    headers = f'-H "Authorization: Bearer {_KEY}" -H "Content-Type: application/json"'
    return f"curl {url}/{path} {headers} -d '{body}'"
