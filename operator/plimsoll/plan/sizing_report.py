"""A model's sizing facts as JSON that fits into a pod's termination message, and back.

A volume is seen by pods only: there a small Job reads the header, and its last words are all that the operator gets.
"""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from itertools import groupby
from typing import Any

from plimsoll.errors import UserError
from plimsoll.plan.sizing_cache import Cache
from plimsoll.plan.sizing_model import MOST_LAYERS, Layer, Model, Weights

LONGEST_REPORT = 4096  # what Kubernetes keeps of a termination message
_LARGEST = 1 << 62
_LONGEST_TEXT = 400
_MOST_NOTES = 8
_LONGEST_NAME = 64
_NUMBERS = {
    "parameters": "parameters",
    "embedding": "embedding",
    "heads": "heads",
    "widest": "widest",
    "vocabulary": "vocabulary",
    "trainedContext": "trained_context",
}
_TEXTS = {"name": "name", "architecture": "architecture", "fileType": "file_type"}
_WEIGHTS = ("inputs", "outputs", "tied")


class BadReport(UserError):
    """What a Job said about a model cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="look at the Job's log, and let it run again")


def report(model: Model) -> str:
    """At most 4,096 bytes. Where the layers differ too much for that, each is told as the heaviest of its kind."""
    short = replace(model, name=model.name[:_LONGEST_NAME])
    text = _written(short)
    if len(text.encode()) > LONGEST_REPORT:
        text = _written(_evened(short))
    if len(text.encode()) > LONGEST_REPORT:
        raise BadReport(f"the facts about the model take more than {LONGEST_REPORT} bytes")
    return text


def model_from(text: str) -> Model:
    """Raises BadReport for anything that `report` does not write."""
    if len(text.encode(errors="replace")) > LONGEST_REPORT:
        raise BadReport(f"the report is longer than {LONGEST_REPORT} bytes")
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise BadReport(f"the report about the model is damaged: {str(error)[:100]}") from None


def _written(model: Model) -> str:
    kinds = list(dict.fromkeys(model.layers))
    order = [[kinds.index(layer), len(list(run))] for layer, run in groupby(model.layers)]
    facts: dict[str, Any] = {told: getattr(model, name) for told, name in (_TEXTS | _NUMBERS).items()}
    facts |= {name: astuple(getattr(model, name)) for name in _WEIGHTS}
    facts |= {"causal": model.causal, "notes": [note[:_LONGEST_TEXT] for note in model.notes[:_MOST_NOTES]]}
    facts["kinds"] = [astuple(kind.weights) + astuple(kind.cache) for kind in kinds]
    facts["order"] = order
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False)


def _evened(model: Model) -> Model:
    heaviest: dict[Cache, Weights] = {}
    for layer in model.layers:
        known = heaviest.get(layer.cache, Weights())
        pairs = zip(astuple(known), astuple(layer.weights), strict=True)
        heaviest[layer.cache] = Weights(*(max(pair) for pair in pairs))
    return replace(model, layers=tuple(Layer(heaviest[layer.cache], layer.cache) for layer in model.layers))


def _read(facts: dict[str, Any]) -> Model:
    kinds = [Layer(Weights(*_numbers(kind[:3], 3)), _cache(kind[3:])) for kind in facts["kinds"]]
    layers: list[Layer] = []
    for run in facts["order"]:
        index, count = _numbers(run, 2)
        if not 0 < count <= MOST_LAYERS - len(layers):
            raise ValueError(f"a run of {count} layers")
        layers += [kinds[index]] * count
    if not layers:
        raise ValueError("no layers")
    notes = facts["notes"]
    if not isinstance(notes, list):
        raise TypeError("notes are no list")
    told: dict[str, Any] = {name: _text(facts[key]) for key, name in _TEXTS.items()}
    told |= zip(_NUMBERS.values(), _numbers([facts[key] for key in _NUMBERS], len(_NUMBERS)), strict=True)
    told |= {name: Weights(*_numbers(facts[name], 3)) for name in _WEIGHTS}
    told |= {"causal": facts["causal"] is True, "notes": tuple(_text(note) for note in notes[:_MOST_NOTES])}
    return Model(layers=tuple(layers), **told)


def _cache(raw: list[Any]) -> Cache:
    heads, key_length, value_length, window, state = raw
    told = _numbers([heads, key_length, value_length, window or 0, state], 5)
    return Cache(told[0], told[1], told[2], told[3] if window is not None else None, told[4])


def _numbers(raw: object, count: int) -> list[int]:
    if not isinstance(raw, list) or len(raw) != count:
        raise ValueError(f"{count} numbers were expected")
    if any(type(value) is not int or not 0 <= value <= _LARGEST for value in raw):
        raise ValueError("a number is missing or out of bounds")
    return list(raw)


def _text(raw: object) -> str:
    if not isinstance(raw, str) or len(raw) > _LONGEST_TEXT or not raw.isprintable():
        raise ValueError("a text is missing or too long")
    return raw
