"""spec.prompt: named templates of prompts, of which one is active."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from plimsoll.api.contract import LONGEST_TEXT, Contract, keyed_by

DEFAULT_ANSWER_PREFIX = "Assistant:"
# What a frame may refer to; a brace that is meant as a brace is written twice.
VARIABLES = ("system", "user")
_OTHER_TEXT = r"([^{}]|\{\{|\}\}|\{system\})*"
FRAME_PATTERN = r"^([^{}]|\{\{|\}\}|\{system\}|\{user\})*$"
ONE_USER_PATTERN = rf"^{_OTHER_TEXT}\{{user\}}{_OTHER_TEXT}$"

RoleName = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$", max_length=100)]


class Example(Contract):
    user: str = Field(
        description="What a user asks in the example. Example: How long does delivery take?",
        min_length=1,
        max_length=LONGEST_TEXT,
    )
    answer: str = Field(
        description="What the model answers in the example. Example: Three to five working days.",
        min_length=1,
        max_length=LONGEST_TEXT,
    )


class Role(Contract):
    name: RoleName = Field(description="What the template is called, at most 100 characters. Example: teacher.")
    system: str | None = Field(
        default=None,
        description="Who the model is and how it answers. Without it there is no system message. Example: You are a "
        "kind teacher.",
        min_length=1,
        max_length=LONGEST_TEXT,
    )
    frame: str | None = Field(
        default=None,
        description="Text around the user's message, with {user} once and {system} where wanted; {{ is a brace. "
        "Without it the message stands alone. Example: Question: {user}",
        min_length=1,
        max_length=LONGEST_TEXT,
    )
    answer_prefix: str | None = Field(
        default=None,
        description="Text before each answer of an example in the text form. "
        f"Default: `{DEFAULT_ANSWER_PREFIX}`. Example: Answer:",
        min_length=1,
        max_length=200,
    )
    examples: tuple[Example, ...] | None = Field(
        default=None,
        description="Questions with answers, shown to the model before the user's message. Without it none are.",
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Prompt(Contract):
    active: RoleName = Field(
        description="Name of the role that requests get; changing it is a new revision. Example: default."
    )
    lock_system: bool = Field(
        default=False,
        description="Whether a request with a system message of its own is refused.",
    )
    roles: tuple[Role, ...] = Field(
        description="The templates to choose from, at least one, each with a name of its own.",
        min_length=1,
        max_length=16,
        json_schema_extra=keyed_by("name"),
    )
