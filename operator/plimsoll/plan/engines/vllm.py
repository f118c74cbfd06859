"""vllm: `vllm serve` on GPUs, which reads a folder with safetensors and deals out the GPU's memory by itself."""

from __future__ import annotations

import re

from plimsoll.api.configuration import Gpu
from plimsoll.api.reasons import Reason
from plimsoll.plan.demand import Need, beyond_profile, demand_of
from plimsoll.plan.engine import PORT, Demand, Launch, Planner, Wanted, literal
from plimsoll.plan.finding import Finding
from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.quantities import bytes_of
from plimsoll.plan.sizing import Part
from plimsoll.plan.sizing_words import in_bytes

_GPU_MEMORY_PERCENT = 90
# What the pod itself takes was not measured yet; no limit of memory is made of it.
_SERVER = 4096 * MIB
_WORKER = 4096 * MIB
_SHARED_MEMORY = 2048 * MIB
# Other files of a repository may be the same weights once more, in another format.
_LOADED = re.compile(r"model(-[0-9]+-of-[0-9]+)?\.safetensors")


def demand(wanted: Wanted) -> Demand | Finding:
    gpu = wanted.profile.gpu
    if gpu is None:
        return Finding(
            Reason.PROFILE_UNSUITABLE,
            f"vllm needs a GPU, and the profile {wanted.profile.name} describes nodes without",
        )
    refused = _too_large(wanted, gpu) or beyond_profile(wanted)
    if refused is not None:
        return refused
    workers = f"{wanted.gpus} worker{'s' if wanted.gpus > 1 else ''}"
    parts = (
        Part("process", _SERVER + wanted.gpus * _WORKER, f"the server and {workers}, assumed"),
        Part("sharedMemory", _SHARED_MEMORY, "the volume at /dev/shm, through which the processes speak"),
    )
    reasons = (
        f"vllm deals out {_percent(wanted)} % of {_gpus(wanted, gpu)} by itself",
        "the memory of the pod beside the GPU is assumed, not measured: set spec.resources where you know better",
    )
    return demand_of(wanted, Need(parts, reasons, exact=False))


def launch(wanted: Wanted, demand: Demand) -> Launch:
    options = wanted.options
    arguments = [
        literal(wanted.weights),
        f"--served-model-name={wanted.name}",
        "--host=0.0.0.0",
        f"--port={PORT}",
        f"--max-model-len={wanted.context}",
        f"--max-num-seqs={wanted.parallel}",
        f"--tensor-parallel-size={wanted.gpus}",
        f"--gpu-memory-utilization={_percent(wanted) / 100:g}",
        f"--kv-cache-dtype={options.kv_cache_type or 'auto'}",
        f"--dtype={options.dtype or 'auto'}",
        "--no-enable-prefix-caching" if options.prefix_caching is False else "--enable-prefix-caching",
        "--enforce-eager" if options.eager else "--no-enforce-eager",
    ]
    if options.quantization is not None:
        arguments.append(f"--quantization={options.quantization}")
    if options.batch_size is not None:
        arguments.append(f"--max-num-batched-tokens={options.batch_size}")
    return Launch(
        tuple(arguments),
        command=("vllm", "serve"),
        environment=(
            ("OMP_NUM_THREADS", str(demand.sizing.threads)),
            # Nothing is fetched at run time, and nothing is told to anybody.
            ("HF_HUB_OFFLINE", "1"),
            ("VLLM_NO_USAGE_STATS", "1"),
            # Torch asks who is running it; the number of a user without a name has no answer.
            ("USER", "plimsoll"),
        ),
        # It listens only after the model is loaded, and has no path of its own for readiness.
        ready_path="/health",
        shared_memory=_SHARED_MEMORY,
    )


PLANNER = Planner(demand, launch)


def _percent(wanted: Wanted) -> int:
    return wanted.options.gpu_memory_percent or _GPU_MEMORY_PERCENT


def _gpus(wanted: Wanted, gpu: Gpu) -> str:
    return f"{wanted.gpus} x {in_bytes(bytes_of(gpu.memory))} of GPU memory"


def _too_large(wanted: Wanted, gpu: Gpu) -> Finding | None:
    """Weights alone that are larger than the share of the GPUs can never be loaded; anything less vllm has to try."""
    files = wanted.facts.files if wanted.facts else ()
    sizes = [file.size or 0 for file in files if _LOADED.fullmatch(file.path)]
    share = bytes_of(gpu.memory) * wanted.gpus * _percent(wanted) // 100
    # fp8 makes the weights smaller while they are loaded.
    if sum(sizes) <= share or wanted.options.quantization == "fp8":
        return None
    return Finding(
        Reason.DOES_NOT_FIT,
        f"weights {in_bytes(sum(sizes))} > {in_bytes(share)}, which is {_percent(wanted)} % of {_gpus(wanted, gpu)}: "
        "raise hardware.count, or choose larger GPUs or a smaller model",
    )
