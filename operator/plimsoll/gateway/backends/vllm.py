"""vLLM, as its protocol is in 0.33.0; what it does not know it ignores and says nothing."""

from plimsoll.cost.record import CountSource
from plimsoll.gateway.backends.dialect import COMMON, Dialect

_LOCAL = {**COMMON, "topK": ("top_k",), "repeatPenalty": ("repetition_penalty",)}

VLLM = Dialect(
    name="vllm",
    prefix="/v1",
    chat={**_LOCAL, "maxTokens": ("max_tokens", "max_completion_tokens")},
    completion={**_LOCAL, "maxTokens": ("max_tokens",)},
    stream_options={"include_usage": True, "continuous_usage_stats": True},
    running_usage=True,
    own_defaults=True,
    source=CountSource.ENGINE,
)
