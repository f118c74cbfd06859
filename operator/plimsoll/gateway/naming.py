"""Which model a request means, and whether it takes calls; and the list of those that a key may call."""

from __future__ import annotations

from typing import Any

from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.fields import shown
from plimsoll.gateway.state import ANYBODY, Routes
from plimsoll.routing.document import Down, Key, Model, Served
from plimsoll.routing.naming import Ambiguous, Forbidden, Unknown

# As long as an operator needs to say that something has changed.
_RETRY_SECONDS = 5


def model_named(routes: Routes, key: Key | None, asked: str) -> Model:
    found = routes.directory.find(key or ANYBODY, asked)
    match found:
        case Unknown():
            raise ApiError(Code.MODEL_NOT_FOUND, param="model", model=shown(asked))
        case Forbidden():
            raise ApiError(Code.MODEL_FORBIDDEN, param="model", model=found.model.full_name)
        case Ambiguous():
            candidates = ", ".join(found.candidates)
            raise ApiError(Code.AMBIGUOUS_MODEL, param="model", model=shown(asked), candidates=candidates)
    return found


def served_by(model: Model) -> Served:
    """Or the words of the condition that says why it is not."""
    if isinstance(model.state, Down):
        raise ApiError(
            Code.MODEL_NOT_READY,
            retry_after=_RETRY_SECONDS,
            model=model.full_name,
            reason=model.state.reason,
            message=model.state.message.rstrip("."),
        )
    return model.state


def listed(routes: Routes, key: Key | None) -> dict[str, Any]:
    return {"object": "list", "data": [card(model) for model in routes.directory.open_to(key or ANYBODY)]}


def card(model: Model) -> dict[str, Any]:
    """As OpenAI's clients read it; nobody here knows when a model was made."""
    return {"id": model.full_name, "object": "model", "created": 0, "owned_by": model.namespace}
