"""spec.engine: the program that serves the weights, and what may be set on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract

EngineName = Literal["llamacpp", "vllm"]
DEFAULT_ENGINE: EngineName = "llamacpp"
# It is one argument of a process, which takes 128 KiB, and a character may take four bytes.
LONGEST_TEMPLATE = 32_000
# Which options an engine has; an option may belong to several.
OPTIONS: dict[EngineName, tuple[str, ...]] = {
    "llamacpp": ("kvCacheType", "flashAttention", "batchSize", "microBatchSize", "mapWeights", "mode", "chatTemplate"),
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
        description="Number format of the attention cache: f16, q8_0 or q4_0 for llamacpp, auto or fp8 for vllm; q8_0 "
        "and fp8 halve it. Default: f16, for vllm auto.",
    )
    flash_attention: bool | None = Field(
        default=None,
        description="llamacpp: attention in blocks, which saves memory and time; a cache of q8_0 or q4_0 needs it. "
        "Default: true.",
    )
    batch_size: int | None = Field(
        default=None,
        description="Most tokens in one step. Default: for llamacpp 512 on CPU and 2048 on GPU, for vllm its own "
        "choice.",
        ge=32,
        le=1048576,
    )
    micro_batch_size: int | None = Field(
        default=None,
        description="llamacpp: most tokens computed at once; less needs less memory. Default: 512 tokens.",
        ge=32,
        le=65536,
    )
    map_weights: bool | None = Field(
        default=None,
        description="llamacpp: map the file; starts sooner, takes more memory. Default: false.",
    )
    mode: Literal["generate", "embed"] | None = Field(
        default=None,
        description="llamacpp: generate answers in text, embed makes vectors. Default: generate.",
    )
    chat_template: str | None = Field(
        default=None,
        description="llamacpp: Jinja template of chats. Default: the model's own.",
        pattern=r"^[^\x00]+$",
        max_length=LONGEST_TEMPLATE,
    )
    dtype: Literal["auto", "float16", "bfloat16", "float32"] | None = Field(
        default=None, description="vllm: number format of the computation. Default: auto, which follows the model."
    )
    quantization: Literal["awq", "gptq", "fp8"] | None = Field(
        default=None, description="vllm: how the weights are quantised. Default: what the model's own files say."
    )
    gpu_memory_percent: int | None = Field(
        default=None,
        description="vllm: percent of each GPU's memory for weights and cache. Default: 90.",
        ge=10,
        le=98,
    )
    prefix_caching: bool | None = Field(
        default=None, description="vllm: keep the cache of common beginnings of prompts. Default: true."
    )
    eager: bool | None = Field(
        default=None,
        description="vllm: no CUDA graphs; starts sooner, answers more slowly. Default: false.",
    )


class Engine(Contract):
    name: EngineName = Field(
        default=DEFAULT_ENGINE,
        description="llamacpp reads GGUF files and needs no GPU, vllm reads safetensors and needs one.",
    )
    image: str | None = Field(
        default=None,
        description="Image in place of the operator's own, with a tag or digest, never `latest`; it keeps the engine "
        "contract. Default: the configuration's. Example: registry.example.com/engine:1.4.2.",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$",
        max_length=500,
    )
    options: EngineOptions | None = Field(
        default=None, description="Settings of the engine itself. Without it each has its default."
    )
