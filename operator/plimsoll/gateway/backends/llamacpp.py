"""Our own engine, and every server that keeps its contract (docs/engine.md)."""

from plimsoll.cost.record import CountSource
from plimsoll.gateway.backends.dialect import COMMON, Dialect

_LOCAL = {**COMMON, "topK": ("top_k",), "repeatPenalty": ("repeat_penalty",)}

LLAMACPP = Dialect(
    name="llamacpp",
    prefix="/v1",
    chat={**_LOCAL, "maxTokens": ("max_tokens", "max_completion_tokens")},
    completion={**_LOCAL, "maxTokens": ("max_tokens", "max_completion_tokens")},
    stream_options={"include_usage": True, "continuous_usage_stats": True},
    running_usage=True,
    last_word=True,
    source=CountSource.ENGINE,
)
