"""What the HTTP side needs of the rest of the engine, as narrow as it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.http.calls import Family
from plimsoll.runtime.requests import Constraint, Job
from plimsoll.runtime.templates.messages import Declared
from plimsoll.runtime.waiting import WaitingRoom


class Engine(Protocol):
    @property
    def room(self) -> WaitingRoom: ...

    def submit(self, job: Job) -> None: ...


class Model(Protocol):
    @property
    def n_vocab(self) -> int: ...

    @property
    def context_per_slot(self) -> int: ...

    @property
    def embedding_width(self) -> int: ...

    @property
    def adds_bos(self) -> bool: ...

    @property
    def bos_text(self) -> str: ...

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]: ...

    def least_tokens(self, text: str) -> int: ...

    def piece(self, token: int) -> bytes: ...


class Renderer(Protocol):
    @property
    def declared(self) -> Declared: ...

    async def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> str: ...


class Constraints(Protocol):
    """Each raises BadGrammar, which is a 400; what a client sent is tried in a process of its own first."""

    async def json_object(self) -> Constraint: ...

    async def json_schema(self, schema: Mapping[str, Any]) -> Constraint: ...

    async def grammar(self, text: str) -> Constraint: ...

    async def tool_call(self, tools: Sequence[Mapping[str, Any]], name: str | None) -> Constraint: ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """What there is as soon as the model is there."""

    engine: Engine
    model: Model
    renderer: Renderer
    constraints: Constraints | None  # None in the mode embed
    calls: Family | None  # how the model writes calls of tools when it is free to
