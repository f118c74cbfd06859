"""What `plimsoll key` prints with -o json and -o yaml."""

from __future__ import annotations

from pydantic import Field

from plimsoll.cli.answers import Answer


class KeyAnswer(Answer):
    namespace: str = Field(description="Namespace of the ModelKey.")
    name: str = Field(description="Name of the ModelKey.")
    prefix: str = Field(description="The characters after plm_, by which people tell the key from others.")
    team: str | None = Field(default=None, description="The team that is charged.")
    models: tuple[str, ...] | None = Field(
        default=None, description="What the key may call; absent where that is every model whose access admits it."
    )
    suspended: bool = Field(description="Whether it opens nothing for now.")
    ready: str | None = Field(default=None, description="Status of the condition Ready: True, False or Unknown.")
    reason: str | None = Field(default=None, description="Reason of the condition Ready, in one word.")
    message: str | None = Field(default=None, description="Message of the condition Ready, in a sentence.")
    expires_at: str | None = Field(default=None, description="From when on it opens nothing, in UTC.")
    previous_valid_until: str | None = Field(
        default=None, description="Until when the key before this one is valid too, in UTC."
    )
    created_at: str | None = Field(default=None, description="When the object was made, in UTC.")


class KeysAnswer(Answer):
    items: tuple[KeyAnswer, ...] = Field(description="The ModelKeys, by namespace and name.")


class NewKeyAnswer(Answer):
    namespace: str | None = Field(
        default=None, description="Namespace of the ModelKey; absent in a manifest that names none."
    )
    name: str = Field(description="Name of the ModelKey.")
    key: str = Field(description="The key itself, which is shown now and never again.")
    prefix: str = Field(description="Its characters after plm_, by which people tell it from others.")
    expires_at: str | None = Field(default=None, description="From when on it opens nothing, in UTC.")
    previous_valid_until: str | None = Field(
        default=None, description="Until when the key before this one is valid too, in UTC."
    )
    ready: str | None = Field(
        default=None, description="Status of the condition Ready; absent while no operator has looked at it."
    )
    reason: str | None = Field(default=None, description="Reason of the condition Ready, in one word.")
    message: str | None = Field(default=None, description="Message of the condition Ready, in a sentence.")
