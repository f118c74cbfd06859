"""What `plimsoll engine` was started with; docs/engine-contract.md has the words for users."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Mode(StrEnum):
    GENERATE = "generate"
    EMBED = "embed"


@dataclass(frozen=True, slots=True)
class Settings:
    model: Path
    alias: str
    port: int = 8080
    host: str = ""  # every address, as a pod is asked on its own
    mode: Mode = Mode.GENERATE
    context: int = 4096  # tokens of one request
    parallel: int = 1  # slots; the cache holds context x parallel
    threads: int = 1
    gpu_layers: int = 0
    kv_cache_type: str = "f16"
    flash_attention: bool = True
    batch_size: int = 512
    micro_batch_size: int = 512
    map_weights: bool = False
    chat_template: str | None = None  # in place of the one in the model
    strict: bool = True  # unknown fields of a request are refused, unless the request itself says otherwise
    waiting: int | None = None  # most requests that wait; None: four for each slot
    queue_seconds: float = 60.0  # for a slot; more before the first token, and most clients have gone away
    drain_seconds: float = 110.0  # after SIGTERM, for what is running
