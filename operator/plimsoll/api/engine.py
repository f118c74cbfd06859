"""spec.engine: the program that serves the weights, and what may be set on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract

EngineName = Literal["llamacpp", "vllm"]
DEFAULT_ENGINE: EngineName = "llamacpp"
# Which options an engine has; an option may belong to several.
OPTIONS: dict[EngineName, tuple[str, ...]] = {
    "llamacpp": ("kvCacheType", "flashAttention", "batchSize", "microBatchSize", "mapWeights"),
    "vllm": ("kvCacheType", "dtype", "quantization", "gpuMemoryPercent", "batchSize", "prefixCaching", "eager"),
}
KV_CACHE_TYPES: dict[EngineName, tuple[str, ...]] = {
    "llamacpp": ("f16", "q8_0", "q4_0"),
    "vllm": ("auto", "fp8"),
}


class EngineOptions(Contract):
    """What is left to say after the operator has derived the rest from hardware, context and parallel."""

    kv_cache_type: Literal["f16", "q8_0", "q4_0", "auto", "fp8"] | None = Field(
        default=None,
        description="Number format of the attention cache: f16, q8_0 or q4_0 for llamacpp, auto or fp8 for vllm; "
        "q8_0 and fp8 halve its memory. Default: f16 for llamacpp, auto for vllm.",
    )
    flash_attention: bool | None = Field(
        default=None,
        description="llamacpp: compute attention in blocks, which saves memory and time. Default: true. "
        "A cache of q8_0 or q4_0 needs it.",
    )
    batch_size: int | None = Field(
        default=None,
        description="Most tokens in one step of the engine. Default: 512 on CPU and 2048 on GPU for llamacpp, "
        "vllm's own choice for vllm.",
        ge=32,
        le=1048576,
    )
    micro_batch_size: int | None = Field(
        default=None,
        description="llamacpp: most tokens that are computed at once, at most batchSize; less needs less memory. "
        "Default: 512 tokens.",
        ge=32,
        le=65536,
    )
    map_weights: bool | None = Field(
        default=None,
        description="llamacpp: map the file instead of reading it. Starts sooner, but mapped weights still count "
        "against the memory limit. Default: false.",
    )
    dtype: Literal["auto", "float16", "bfloat16", "float32"] | None = Field(
        default=None, description="vllm: number format of the computation. Default: auto, which follows the model."
    )
    quantization: Literal["awq", "gptq", "fp8", "bitsandbytes"] | None = Field(
        default=None, description="vllm: how the weights are quantised. Default: what the model's own files say."
    )
    gpu_memory_percent: int | None = Field(
        default=None,
        description="vllm: share of each GPU's memory, in percent, that weights and cache may take. Default: 90.",
        ge=10,
        le=98,
    )
    prefix_caching: bool | None = Field(
        default=None, description="vllm: keep the cache of common beginnings of prompts. Default: true."
    )
    eager: bool | None = Field(
        default=None,
        description="vllm: do without CUDA graphs; starts sooner and answers more slowly. Default: false.",
    )


class Engine(Contract):
    name: EngineName = Field(
        default=DEFAULT_ENGINE,
        description="Which engine: llamacpp reads GGUF files and needs no GPU, vllm reads repositories with "
        "safetensors and needs one.",
    )
    image: str | None = Field(
        default=None,
        description="Image to run instead of the operator's own for this engine; it has to keep the engine contract. "
        "Give a tag or a digest, never `latest`. Default: the image in the operator's configuration. "
        "Example: registry.example.com/engine:1.4.2.",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$",
        max_length=500,
    )
    options: EngineOptions | None = Field(
        default=None, description="Settings of the engine itself. Without it every setting has the default named there."
    )
