"""The one record of what one attempt used; nothing else counts tokens, so limits, metrics and bills all read this."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Operation = Literal["chat", "completion", "embedding"]
# Of a request, and the number of the attempt, from 1: a retry is a record of its own.
Identity = tuple[str, int]


class Tokens(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every token stands in one class only, whatever the totals of a provider include."""

    input_text: Count = 0
    input_cached: Count = 0
    cache_write: Count = 0
    output_text: Count = 0
    output_reasoning: Count = 0

    @property
    def prompt(self) -> int:
        return self.input_text + self.input_cached + self.cache_write

    @property
    def completion(self) -> int:
        return self.output_text + self.output_reasoning

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input_text=self.input_text + other.input_text,
            input_cached=self.input_cached + other.input_cached,
            cache_write=self.cache_write + other.cache_write,
            output_text=self.output_text + other.output_text,
            output_reasoning=self.output_reasoning + other.output_reasoning,
        )


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    # The client went away.
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    # The gateway ended it because it was itself asked to end.
    DRAINED = "drained"
    # A 4xx: the request was wrong, or the key of the provider.
    REFUSED_BY_UPSTREAM = "refused_by_upstream"


class CountSource(StrEnum):
    """Who says how many tokens it were, the best first."""

    ENGINE = "engine"
    PROVIDER = "provider"
    # Events of a stream that was cut, counted by us.
    COUNTED = "counted"
    ESTIMATED = "estimated"
    # Nothing was computed, so there is nothing to count.
    NONE = "none"


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One attempt at one backend, finished or cut, without prompt, answer and key: only what the key is called."""

    request: str
    attempt: int
    started_ns: int  # since 1970, UTC
    seconds: float
    first_token_seconds: float | None = None
    namespace: str
    model: str  # the name of the ModelConfig
    revision: int
    backend: str  # llamacpp, vllm, openai, openai-compatible
    endpoint: str
    team: str
    key: str = ""  # namespace/name of the ModelKey; empty where no keys are asked for
    operation: Operation
    streamed: bool
    outcome: Outcome
    status: int
    tokens: Tokens
    source: CountSource

    @property
    def identity(self) -> Identity:
        """Two records with the same one are the same record, read twice."""
        return (self.request, self.attempt)
