"""spec.hardware, spec.resources and spec.scaling: what a model runs on, how much of it, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from plimsoll.api.contract import Contract, Duration, Quantity

ProfileName = Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class Fallback(Contract):
    to: ProfileName = Field(
        description="Hardware profile to run on while the declared one has no room; it has to be a CPU profile. "
        "Example: cpu."
    )
    after: Duration = Field(
        default="5m",
        description="How long to wait for the declared hardware first, as hours, minutes and seconds, "
        "from 10s to 24h. Example: 1m30s.",
    )


class Hardware(Contract):
    profile: ProfileName | None = Field(
        default=None,
        description="Name of a hardware profile in the operator's configuration: node labels, tolerations, the kind "
        "and memory of its GPU. Default: the profile that the configuration calls its default. Example: l4.",
    )
    count: int = Field(
        default=1,
        description="GPUs for each replica, where the profile has GPUs; a CPU profile allows only 1.",
        ge=1,
        le=16,
    )
    fallback: Fallback | None = Field(
        default=None,
        description="Run on another profile when no GPU can be scheduled, and return when one is free. "
        "Without it the model waits for its GPU.",
    )


class RequestedAmounts(Contract):
    cpu: Quantity | None = Field(
        default=None, description="CPU that is reserved, in cores. Default: from the profile. Example: 500m."
    )
    memory: Quantity | None = Field(
        default=None, description="Memory that is reserved, in bytes. Default: what sizing computes. Example: 6Gi."
    )


class LargestAmounts(Contract):
    cpu: Quantity | None = Field(
        default=None, description="CPU that may be used at most, in cores. Default: from the profile. Example: 4."
    )
    memory: Quantity | None = Field(
        default=None,
        description="Memory in bytes above which the engine is killed. Default: what sizing computes. Example: 8Gi.",
    )


class Resources(Contract):
    requests: RequestedAmounts | None = Field(
        default=None, description="What a node must have free for each replica. Default: what sizing computes."
    )
    limits: LargestAmounts | None = Field(
        default=None, description="What each replica may use at most. Default: what sizing computes."
    )
    storage: Quantity | None = Field(
        default=None,
        description="Size in bytes of the volume that the weights are downloaded to. "
        "Default: the size of the files and a margin. Example: 12Gi.",
    )
    threads: int | None = Field(
        default=None, description="Threads of the engine for each replica. Default: from the CPU limit.", ge=1, le=512
    )
    gpu_layers: int | None = Field(
        default=None,
        description="llamacpp: layers of the model that are computed on the GPU, 0 for none. "
        "Default: as many as fit into the GPU's memory.",
        ge=0,
        le=1000,
    )


class Scaling(Contract):
    replicas: int = Field(
        default=1,
        description="Pods that serve the model; 0 switches it off. `kubectl scale` and autoscalers write this field.",
        ge=0,
        le=1000,
    )
