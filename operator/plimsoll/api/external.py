"""spec.external: a model that a provider hosts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract, ObjectName
from plimsoll.api.source import BaseUrl

Provider = Literal["openai", "anthropic", "google", "huggingface", "openai-compatible"]
# Their addresses are known; the others are reached at a base URL that the user gives.
KNOWN_PROVIDERS = ("openai", "anthropic", "google")


class ProviderCredential(Contract):
    secret_name: ObjectName = Field(
        description='Name of a Secret here that is labelled plimsoll.dev/credential: "true" and holds the provider\'s '
        "key; for a free baseURL its data field `hosts` names the host. Example: openai-key."
    )


class External(Contract):
    provider: Provider = Field(
        description="Who hosts the model, and so which protocol is spoken. openai-compatible is any server with "
        "OpenAI's paths; huggingface is an inference endpoint."
    )
    model: str = Field(
        description="The provider's own name of the model, sent as it is. Example: gpt-4o-mini.",
        pattern=r"^[^\s\x00-\x1f]+$",
        max_length=200,
    )
    base_url: BaseUrl | None = Field(
        default=None,
        alias="baseURL",
        description="Address that the provider's paths are appended to. Default: the provider's own address; "
        "needed for huggingface and openai-compatible. Example: https://api.example.com/v1.",
    )
    credential: ProviderCredential | None = Field(
        default=None,
        description="The Secret with the provider's key. Needed for openai, anthropic and google; "
        "without it the others are called without a key.",
    )
