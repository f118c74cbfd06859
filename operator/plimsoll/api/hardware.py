"""spec.hardware, spec.resources and spec.scaling: what a model runs on, how much of it, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from plimsoll.api.contract import Contract, Duration, Quantity

ProfileName = Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class Fallback(Contract):
    to: ProfileName = Field(description="CPU profile to run on while the declared one has no room. Example: cpu.")
    after: Duration = Field(
        default="5m",
        description="How long to wait for the declared hardware first, from 10s to 24h. Example: 1m30s.",
    )


class Hardware(Contract):
    profile: ProfileName | None = Field(
        default=None,
        description="A hardware profile of the operator's configuration, by its name. Default: its default profile. "
        "Example: l4.",
    )
    count: int = Field(
        default=1,
        description="GPUs for each replica; a CPU profile allows only 1.",
        ge=1,
        le=16,
    )
    fallback: Fallback | None = Field(
        default=None,
        description="Another profile while no GPU can be scheduled. Without it the model waits.",
    )


class RequestedAmounts(Contract):
    cpu: Quantity | None = Field(
        default=None, description="CPU that is reserved, in cores. Default: from the profile. Example: 500m."
    )
    memory: Quantity | None = Field(
        default=None, description="Bytes of memory that are reserved. Default: as sized. Example: 6Gi."
    )


class LargestAmounts(Contract):
    cpu: Quantity | None = Field(
        default=None, description="CPU that may be used at most, in cores. Default: from the profile. Example: 4."
    )
    memory: Quantity | None = Field(
        default=None,
        description="Bytes of memory above which the engine is killed. Default: as sized. Example: 8Gi.",
    )


class Resources(Contract):
    requests: RequestedAmounts | None = Field(
        default=None, description="What a node must have free for each replica. Default: as sized."
    )
    limits: LargestAmounts | None = Field(
        default=None, description="What each replica may use at most. Default: as sized."
    )
    storage: Quantity | None = Field(
        default=None,
        description="Bytes of the volume for downloaded weights. Default: the size of the files and a margin. Example:"
        " 12Gi.",
    )
    threads: int | None = Field(
        default=None, description="Threads of the engine for each replica. Default: from the CPU limit.", ge=1, le=512
    )
    gpu_layers: int | None = Field(
        default=None,
        description="llamacpp: layers that are computed on the GPU, 0 for none. Default: as many as fit.",
        ge=0,
        le=1000,
    )


class Scaling(Contract):
    replicas: int = Field(
        default=1,
        description="Pods that serve the model; 0 switches it off. Autoscalers write this field.",
        ge=0,
        le=1000,
    )
