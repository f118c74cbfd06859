"""status: what is true about a model now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from plimsoll.api.conditions import Condition
from plimsoll.api.contract import Contract, keyed_by

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", max_length=64)]
Line = Annotated[str, Field(max_length=1024)]


class RevisionStatus(Contract):
    number: int = Field(description="Number of the revision; none is used twice.", ge=1)
    behaviour: Hash = Field(description="Hash of all that can change an answer, its speed class or its price.")
    workload: Hash | None = Field(
        default=None, description="Hash of all that changes pods. Absent for a model that a provider hosts."
    )
    accepted_at: datetime = Field(description="When the spec was accepted as this revision, in UTC.")
    author: Line | None = Field(default=None, description="Who wrote the spec, if known. Example: jane@example.com.")
    git_revision: Line | None = Field(
        default=None, description="Commit that the spec came from, if known. Example: 3f2c9d1."
    )


class SizePart(Contract):
    name: Line = Field(description="What the memory is for. Example: kvCache.")
    bytes: int = Field(description="How much memory that is, in bytes.", ge=0)
    why: Line = Field(description="The numbers behind it, in words. Example: 32 layers x 4096 tokens x 16 KiB.")


class Sizing(Contract):
    parts: tuple[SizePart, ...] = Field(
        description="The memory of one replica by purpose; the parts add up to totalBytes.",
        max_length=16,
        json_schema_extra=keyed_by("name"),
    )
    total_bytes: int = Field(description="The memory that one replica needs, in bytes.", ge=0)
    memory_request: Line | None = Field(
        default=None, description="The memory request that the pods got, as a quantity. Example: 6Gi."
    )
    memory_limit: Line | None = Field(
        default=None, description="The memory limit that the pods got, as a quantity. Example: 8Gi."
    )
    threads: int | None = Field(default=None, description="How many threads the engine of one replica uses.", ge=1)
    gpu_layers: int | None = Field(
        default=None, description="How many layers of the model are computed on a GPU.", ge=0
    )
    reasons: tuple[Line, ...] = Field(
        default=(),
        description="Why the sizes are as they are, one sentence each.",
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class ModelConfigStatus(Contract):
    observed_generation: int | None = Field(
        default=None, description="The metadata.generation that this status speaks of.", ge=0
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Statements about the object; Ready sums them up.",
        max_length=16,
        json_schema_extra=keyed_by("type"),
    )
    model: Line | None = Field(
        default=None, description="The model in one line. Example: Qwen/Qwen2.5-7B-Instruct-GGUF@main."
    )
    engine: Line | None = Field(default=None, description="The engine that serves, or the provider. Example: llamacpp.")
    engine_image: Line | None = Field(default=None, description="The image of the engine that serves.")
    engine_arguments_hash: Hash | None = Field(default=None, description="Hash of the engine's arguments.")
    hardware: Line | None = Field(default=None, description="The hardware profile that serves. Example: cpu.")
    replicas: int | None = Field(default=None, description="How many pods of the model exist.", ge=0)
    ready_replicas: int | None = Field(default=None, description="How many pods of the model can take calls.", ge=0)
    selector: Line | None = Field(default=None, description="The label selector of the model's pods, for autoscalers.")
    url: Line | None = Field(
        default=None, description="Base URL of the gateway, where this model and all others are called."
    )
    example: Line | None = Field(default=None, description="A call of the model in one line, to be copied.")
    current_revision: RevisionStatus | None = Field(
        default=None, description="The revision that serves now, which need not be the newest."
    )
    previous_revision: int | None = Field(default=None, description="The number of the revision that served before.")
    latest_revision: int | None = Field(default=None, description="The number of the newest accepted revision.", ge=1)
    sizing: Sizing | None = Field(
        default=None, description="What the model needs, part by part. Absent for a model that a provider hosts."
    )
