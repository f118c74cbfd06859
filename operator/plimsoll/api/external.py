"""spec.external: a model that a provider hosts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract, ObjectName
from plimsoll.api.source import BaseUrl

Provider = Literal["openai", "anthropic", "google", "huggingface", "openai-compatible"]
# The others are reached at a base URL that the user gives.
ADDRESSES: dict[Provider, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta",
}
KNOWN_PROVIDERS = tuple(ADDRESSES)


class ProviderCredential(Contract):
    secret_name: ObjectName = Field(
        description='Name of a Secret here, labelled plimsoll.dev/credential: "true", with the provider\'s key; for a '
        "free baseURL `hosts` in it names the host. Example: openai-key."
    )


class External(Contract):
    provider: Provider = Field(
        description="Who hosts the model. openai-compatible is any server with OpenAI's paths, huggingface an "
        "inference endpoint."
    )
    model: str = Field(
        description="The provider's own name of the model, sent as it is. Example: gpt-4o-mini.",
        pattern=r"^[^\s\x00-\x1f]+$",
        max_length=200,
    )
    base_url: BaseUrl | None = Field(
        default=None,
        alias="baseURL",
        description="Address before the provider's paths. Default: the provider's own; huggingface and "
        "openai-compatible need it. Example: https://api.example.com/v1.",
    )
    credential: ProviderCredential | None = Field(
        default=None,
        description="The Secret with the provider's key; openai, anthropic and google need one. Without it none is "
        "sent.",
    )
