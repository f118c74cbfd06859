"""Which model a caller means by a name, and which models there are for a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from plimsoll.routing.document import Key, Model

EVERY_MODEL = "*/*"


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such model, or none that the namespace of the key may know of."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The namespace of the key may call this model, the key itself may not."""

    model: Model


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A short name that several models have; the caller has to write one of these."""

    candidates: tuple[str, ...]


Found = Model | Unknown | Forbidden | Ambiguous


class Directory:
    """The models of one routing document by their names; made once for each document."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._by_short: dict[str, list[Model]] = {}
        for model in models.values():
            self._by_short.setdefault(model.name, []).append(model)

    def find(self, key: Key, asked: str) -> Found:
        """`namespace/name` means one model; a short name that of the key's own namespace, or the only one it fits."""
        if "/" in asked:
            return _judged(key, self._models.get(asked))
        own = _judged(key, self._models.get(f"{key.namespace}/{asked}"))
        if not isinstance(own, Unknown):
            # Also when the key may not call it: nobody shall get another team's model in its place.
            return own
        judged = [_judged(key, model) for model in self._by_short.get(asked, ())]
        fitting = [each for each in judged if isinstance(each, Model)]
        if len(fitting) > 1:
            return Ambiguous(tuple(sorted(model.full_name for model in fitting)))
        return next(iter(fitting), None) or next((each for each in judged if isinstance(each, Forbidden)), own)

    def open_to(self, key: Key) -> Iterator[Model]:
        """In the order of their names, so that a list of them is the same each time."""
        return (self._models[name] for name in sorted(self._models) if may_call(key, self._models[name]))


def may_call(key: Key, model: Model) -> bool:
    return isinstance(_judged(key, model), Model)


def _judged(key: Key, model: Model | None) -> Model | Unknown | Forbidden:
    if model is None or not model.access.admits(key.namespace):
        return Unknown()
    return model if _fits(key.models, model.full_name) else Forbidden(model)


def _fits(patterns: tuple[str, ...], name: str) -> bool:
    return EVERY_MODEL in patterns or name in patterns or _expression(patterns).fullmatch(name) is not None


@lru_cache(maxsize=10_000)
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # A key has one * in each part of a pattern at most, so no name takes long.
    return re.compile("|".join(re.escape(pattern).replace(r"\*", "[^/]*") for pattern in patterns))
