"""The parameters that an owner can govern: what clients call them, which values they take, and how these compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from plimsoll.cost.record import Operation
from plimsoll.gateway.errors import bad_field
from plimsoll.gateway.fields import kind_of
from plimsoll.routing.policy import Value

# By their names in api/generation.py. Whoever moves a model from one backend to another changes no client, so every
# name that one of them reads is understood for all; n_predict is llama-server's.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "topP": ("top_p",),
    "topK": ("top_k",),
    "maxTokens": ("max_tokens", "max_completion_tokens", "n_predict"),
    "frequencyPenalty": ("frequency_penalty",),
    "presencePenalty": ("presence_penalty",),
    "repeatPenalty": ("repeat_penalty", "repetition_penalty"),
    "seed": ("seed",),
    "stop": ("stop",),
}
_WHOLE_FROM: Final[Mapping[str, float]] = {"topK": -1, "maxTokens": 1, "seed": -math.inf}
# What OpenAI's reference says is taken for a field that is left out; None: as much as there is.
_USUAL: Final[Mapping[str, int | float | None]] = {
    "temperature": 1.0,
    "topP": 1.0,
    "topK": 0,
    "maxTokens": None,
    "frequencyPenalty": 0.0,
    "presencePenalty": 0.0,
    "repeatPenalty": 1.0,
}
_USUAL_COMPLETION_TOKENS = 16
# What each of these names means.
PARAMETERS: Final[Mapping[str, str]] = {word: name for name, words in NAMES.items() for word in words}
EVERY_NAME: Final = frozenset(PARAMETERS)


def usual(name: str, operation: Operation) -> int | float | None:
    if name == "maxTokens" and operation == "completion":
        return _USUAL_COMPLETION_TOKENS
    return _USUAL.get(name)


def value_of(name: str, field: str, given: Any) -> Value:
    """What was sent, as a value that can be compared."""
    if name == "stop":
        return _stops(field, given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise bad_field(field, f"must be a number, not {kind_of(given)}")
    if name not in _WHOLE_FROM:
        return given
    if isinstance(given, float) and not given.is_integer():
        raise bad_field(field, "must be a whole number")
    if given < _WHOLE_FROM[name]:
        raise bad_field(field, f"must be at least {_WHOLE_FROM[name]:g}")
    return int(given)


def within(name: str, value: Value, low: float | None, high: float | None) -> Value:
    """The value, or the nearest one that is allowed."""
    if isinstance(value, tuple):
        return value
    if low is not None and _size(name, value) < _size(name, low):
        return low
    if high is not None and _size(name, value) > _size(name, high):
        return high
    return value


def _size(name: str, value: float) -> int | float:
    """0 and -1 of the likeliest words are all of them."""
    return math.inf if name == "topK" and value <= 0 else value


def _stops(field: str, given: Any) -> tuple[str, ...]:
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(each, str) for each in texts):
        raise bad_field(field, "must be text or a list of texts")
    return tuple(texts)
