"""spec.generation: what a request gets when it says nothing, and what it may not exceed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from plimsoll.api.contract import Contract, a_set


@dataclass(frozen=True)
class Parameter:
    """A parameter that can be compared: OpenAI's name in camelCase, or one that local engines add."""

    name: str
    words: str
    lowest: float
    highest: float
    example: str
    whole: bool = False


# OpenAI's `n` is not here: YAML 1.1, which kubectl reads, takes the key n for the word no.
PARAMETERS = (
    Parameter("temperature", "How freely words are chosen, without unit, 0 is always the likeliest", 0, 2, "0.7"),
    Parameter("topP", "Share of probability that words are chosen from", 0, 1, "0.95"),
    Parameter("topK", "Number of likeliest words that are chosen from, 0 for all", 0, 1000, "40", whole=True),
    Parameter("maxTokens", "Length of the answer in tokens", 1, 1048576, "512", whole=True),
    Parameter("frequencyPenalty", "Penalty on a word for each time it occurred, without unit", -2, 2, "0.1"),
    Parameter("presencePenalty", "Penalty on a word that occurred at all, without unit", -2, 2, "0.1"),
    Parameter("repeatPenalty", "Factor by which words that occurred become less likely, 1 for none", 0, 4, "1.1"),
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}

ParameterName = Literal[
    "temperature",
    "topP",
    "topK",
    "maxTokens",
    "frequencyPenalty",
    "presencePenalty",
    "repeatPenalty",
    "seed",
    "stop",
]


def _number(name: str, description: str) -> Any:
    parameter = _BY_NAME[name]
    return Field(default=None, ge=parameter.lowest, le=parameter.highest, description=description)


def _default(name: str) -> Any:
    parameter = _BY_NAME[name]
    return _number(name, f"{parameter.words}. Default: the engine's. Example: {parameter.example}.")


def _minimum(name: str) -> Any:
    return _number(name, f"Smallest {name}. Default: no limit.")


def _maximum(name: str) -> Any:
    return _number(name, f"Largest {name}. Default: no limit.")


StopText = Annotated[str, Field(min_length=1, max_length=100)]


class Defaults(Contract):
    temperature: float | None = _default("temperature")
    top_p: float | None = _default("topP")
    top_k: int | None = _default("topK")
    max_tokens: int | None = _default("maxTokens")
    frequency_penalty: float | None = _default("frequencyPenalty")
    presence_penalty: float | None = _default("presencePenalty")
    repeat_penalty: float | None = _default("repeatPenalty")
    seed: int | None = Field(
        default=None,
        description="Start of the random numbers. Without it every call differs. Example: 42.",
        ge=0,
        le=2**31 - 1,
    )
    stop: tuple[StopText, ...] | None = Field(
        default=None,
        description="Texts that end an answer. Without it only the model ends one. Example: </s>.",
        max_length=4,
        json_schema_extra=a_set(),
    )


class Minimum(Contract):
    temperature: float | None = _minimum("temperature")
    top_p: float | None = _minimum("topP")
    top_k: int | None = _minimum("topK")
    max_tokens: int | None = _minimum("maxTokens")
    frequency_penalty: float | None = _minimum("frequencyPenalty")
    presence_penalty: float | None = _minimum("presencePenalty")
    repeat_penalty: float | None = _minimum("repeatPenalty")


class Maximum(Contract):
    temperature: float | None = _maximum("temperature")
    top_p: float | None = _maximum("topP")
    top_k: int | None = _maximum("topK")
    max_tokens: int | None = _maximum("maxTokens")
    frequency_penalty: float | None = _maximum("frequencyPenalty")
    presence_penalty: float | None = _maximum("presencePenalty")
    repeat_penalty: float | None = _maximum("repeatPenalty")


class Limits(Contract):
    min: Minimum | None = Field(default=None, description="Lower limits for requests. Without it there are none.")
    max: Maximum | None = Field(default=None, description="Upper limits for requests. Without it there are none.")


class Generation(Contract):
    defaults: Defaults | None = Field(
        default=None, description="Values for parameters that a request leaves out. Without it nothing is added."
    )
    limits: Limits | None = Field(
        default=None, description="The range that a request has to keep to. Without it every value is passed on."
    )
    locked: tuple[ParameterName, ...] | None = Field(
        default=None,
        description="Parameters that a request may not set; each needs a value in defaults. Without it every one may "
        "be set. Example: temperature.",
        max_length=9,
        json_schema_extra=a_set(),
    )
