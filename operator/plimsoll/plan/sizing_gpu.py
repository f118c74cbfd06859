"""How many layers GPUs hold, and what stays in the pod's own memory."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.sizing import Estimate, Load, Overrides, Part, assemble, check, compute, kv
from plimsoll.plan.sizing_model import Layer, Model

MOST_GPUS = 64
# What a driver takes for its context and kernels. An assumption: no GPU was measured yet.
GPU_CONTEXT = 512 * MIB
_ASSUMED = (
    "what a GPU takes beside weights and KV is an assumption, not measured yet: override it where you know better"
)


@dataclass(frozen=True, slots=True)
class Offload:
    """`layers` is llama.cpp's n_gpu_layers, in which the output counts as one. One estimate for each GPU in use."""

    layers: int
    gpus: tuple[Estimate, ...]
    whole: bool


def offload(
    model: Model, load: Load, gpu_memory: int, *, gpus: int = 1, gpu_overrides: Overrides | None = None
) -> Offload:
    """As many layers as `gpus` of `gpu_memory` bytes each hold; `estimate` with this number of them is the pod."""
    check(model, load)
    count = min(max(gpus, 0), MOST_GPUS)
    for layers in range(len(model.layers) + 1 if count else 0, 0, -1):
        found = _on_gpus(model, load, layers, count, gpu_overrides or Overrides())
        if all(gpu.total <= gpu_memory for gpu in found):
            return Offload(layers, found, whole=layers > len(model.layers))
    return Offload(0, (), whole=False)


def _on_gpus(model: Model, load: Load, layers: int, gpus: int, overrides: Overrides) -> tuple[Estimate, ...]:
    """llama.cpp fills from the end and deals the layers out evenly, in their order, to GPUs of one size."""
    first = len(model.layers) + 1 - layers
    held: list[list[Layer]] = [[] for _ in range(min(gpus, layers))]
    for position in range(layers - 1):
        held[position * len(held) // layers].append(model.layers[first + position])
    return tuple(_on_one(model, load, tuple(own), overrides, has_output=own is held[-1]) for own in held)


def _on_one(model: Model, load: Load, layers: tuple[Layer, ...], overrides: Overrides, *, has_output: bool) -> Estimate:
    weights = sum(layer.weights.size for layer in layers)
    told = f"{len(layers)} of {len(model.layers)} layers"
    if has_output:
        weights += model.outputs.size + model.tied.size
        told += " and the output"
    parts = (
        Part("weights", weights, told),
        kv(model, layers, load),
        compute(model, load),
        Part("process", GPU_CONTEXT, "the driver's context and kernels, assumed"),
    )
    return assemble(parts, overrides, (*model.notes, _ASSUMED))
