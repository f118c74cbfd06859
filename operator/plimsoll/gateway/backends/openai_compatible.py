"""Any other server with OpenAI's paths; of what OpenAI has not, the names that most of them read are sent."""

from plimsoll.cost.record import CountSource
from plimsoll.gateway.backends.dialect import COMMON, Dialect

_WIDELY_READ = {
    **COMMON,
    "topK": ("top_k",),
    "repeatPenalty": ("repetition_penalty", "repeat_penalty"),
}

OPENAI_COMPATIBLE = Dialect(
    name="openai-compatible",
    prefix="",
    chat={**_WIDELY_READ, "maxTokens": ("max_tokens", "max_completion_tokens")},
    completion={**_WIDELY_READ, "maxTokens": ("max_tokens",)},
    own_defaults=True,
    source=CountSource.PROVIDER,
)
