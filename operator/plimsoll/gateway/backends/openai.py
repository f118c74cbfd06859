"""OpenAI itself, as its API reference is of November 2026: unknown fields are refused, and there is no top_k."""

from plimsoll.cost.record import CountSource
from plimsoll.gateway.backends.dialect import COMMON, Dialect

OPENAI = Dialect(
    name="openai",
    prefix="",
    # Models that think before they answer refuse max_tokens.
    chat={**COMMON, "maxTokens": ("max_completion_tokens", "max_tokens")},
    completion={**COMMON, "maxTokens": ("max_tokens",)},
    source=CountSource.PROVIDER,
    request_id_header="x-client-request-id",
)
