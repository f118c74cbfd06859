"""llamacpp: our own engine on llama.cpp, which reads one GGUF file and is sized part by part before it runs."""

from __future__ import annotations

from plimsoll.api.reasons import Reason
from plimsoll.plan.demand import Need, beyond_profile, demand_of, memory_allowed, memory_given
from plimsoll.plan.engine import PORT, Demand, Launch, Planner, Wanted, literal
from plimsoll.plan.finding import Finding
from plimsoll.plan.quantities import bytes_of
from plimsoll.plan.sizing import BadLoad, Load, Part, estimate
from plimsoll.plan.sizing_fit import DoesNotFit, fit
from plimsoll.plan.sizing_gpu import offload
from plimsoll.plan.sizing_model import Model
from plimsoll.plan.sizing_words import in_bytes

_BATCH_ON_CPU, _BATCH_ON_GPU = 512, 2048
_MICRO_BATCH = 512
# More than any model has: where the header is not known, the GPU is meant to hold all of it.
_EVERY_LAYER = 1000


def demand(wanted: Wanted) -> Demand | Finding:
    model = wanted.facts.model if wanted.facts else None
    try:
        need = _by_hand(wanted) if model is None else _sized(wanted, model, _load(wanted))
    except BadLoad as error:
        return Finding(Reason.INVALID_SPEC, f"{error.message}: {error.fix}")
    return need if isinstance(need, Finding) else beyond_profile(wanted) or demand_of(wanted, need)


def launch(wanted: Wanted, demand: Demand) -> Launch:
    options = wanted.options
    batch, micro_batch = _batches(wanted)
    gpu_layers = demand.sizing.gpu_layers
    arguments = (
        f"--model={literal(wanted.weights)}",
        f"--alias={wanted.name}",
        f"--port={PORT}",
        f"--mode={options.mode or 'generate'}",
        f"--context={wanted.context}",
        f"--parallel={wanted.parallel}",
        f"--threads={demand.sizing.threads}",
        f"--gpu-layers={_EVERY_LAYER if gpu_layers is None else gpu_layers}",
        f"--kv-cache-type={options.kv_cache_type or 'f16'}",
        "--no-flash-attention" if options.flash_attention is False else "--flash-attention",
        f"--batch-size={batch}",
        f"--micro-batch-size={micro_batch}",
        "--map-weights" if options.map_weights else "--no-map-weights",
    )
    template = () if options.chat_template is None else (f"--chat-template={literal(options.chat_template)}",)
    return Launch(("engine", *arguments, *template))


PLANNER = Planner(demand, launch)


def _embeds(wanted: Wanted) -> bool:
    return wanted.options.mode == "embed"


def _batches(wanted: Wanted) -> tuple[int, int]:
    micro_batch = wanted.options.micro_batch_size
    if _embeds(wanted):
        # A vector is made of its whole input at once.
        whole = max(micro_batch or _MICRO_BATCH, wanted.context)
        return max(wanted.options.batch_size or 0, whole), whole
    usual = _BATCH_ON_GPU if wanted.gpus else _BATCH_ON_CPU
    batch = wanted.options.batch_size or max(usual, micro_batch or 0)
    return batch, micro_batch or min(_MICRO_BATCH, batch)


def _load(wanted: Wanted) -> Load:
    options = wanted.options
    cache_type = (options.kv_cache_type or "f16").upper()
    micro_batch = _batches(wanted)[1]
    # All inputs of a step share one batch, and nothing is kept from one step to the next.
    context, parallel = (micro_batch, 1) if _embeds(wanted) else (wanted.context, wanted.parallel)
    return Load(
        context=context,
        parallel=parallel,
        key_type=cache_type,
        value_type=cache_type,
        flash_attention=options.flash_attention is not False,
        batch=min(micro_batch, _MICRO_BATCH) if _embeds(wanted) else micro_batch,
        mapped=bool(options.map_weights),
        embeddings=_embeds(wanted),
        cpu=wanted.profile.architecture,
    )


def _sized(wanted: Wanted, model: Model, load: Load) -> Need | Finding:
    layers = _gpu_layers(wanted, model, load)
    if isinstance(layers, Finding):
        return layers
    gpu_layers, reasons = layers
    given = memory_given(wanted)
    bound = given.limit if given.limit is not None else memory_allowed(wanted)
    if given.request is not None or bound is None:
        # Whoever sets the request knows better than the estimate, which is then only shown.
        found = estimate(model, load, gpu_layers=gpu_layers)
    else:
        try:
            found = fit(model, load, bound, gpu_layers=gpu_layers)
        except DoesNotFit as error:
            fix = f"the limit is that of the profile {wanted.profile.name}" if given.limit is None else error.fix
            return Finding(Reason.DOES_NOT_FIT, f"{error.message}; {fix}")
    return Need(found.parts, (*reasons, *found.notes), gpu_layers)


def _gpu_layers(wanted: Wanted, model: Model, load: Load) -> tuple[int, tuple[str, ...]] | Finding:
    by_hand, gpu = wanted.resources.gpu_layers, wanted.profile.gpu
    if gpu is None:
        return 0, _without_gpu(wanted)
    if by_hand is not None:
        return by_hand, (_layers_by_hand(by_hand),)
    memory = bytes_of(gpu.memory)
    found = offload(model, load, memory, gpus=wanted.gpus)
    if not found.layers:
        return Finding(
            Reason.DOES_NOT_FIT,
            f"not one layer fits into the {in_bytes(memory)} of a GPU with context {wanted.context} and parallel "
            f"{wanted.parallel}; resources.gpuLayers 0 would compute on the CPU beside an idle GPU",
        )
    used = " and ".join(in_bytes(each.total) for each in found.gpus)
    told = (
        f"{found.layers} of {len(model.layers) + 1} layers, the output counted, on GPUs of {in_bytes(memory)}: {used}"
    )
    return found.layers, (told, *found.gpus[0].notes)


def _by_hand(wanted: Wanted) -> Need | Finding:
    """For a model whose header nobody could read or size."""
    given = memory_given(wanted)
    memory = given.request if given.limit is None else given.limit
    if memory is None:
        return Finding(
            Reason.MODEL_UNSUPPORTED,
            (wanted.facts and wanted.facts.unsized) or "nobody could read how much memory the model takes",
        )
    layers, reasons = wanted.resources.gpu_layers, _without_gpu(wanted)
    if wanted.profile.gpu is None:
        layers = 0
    elif layers is not None:
        reasons = (_layers_by_hand(layers),)
    return Need((Part("memory", memory, "set by hand"),), reasons, layers)


def _without_gpu(wanted: Wanted) -> tuple[str, ...]:
    if not wanted.resources.gpu_layers or wanted.profile.gpu is not None:
        return ()
    return (f"gpuLayers has no effect: the profile {wanted.profile.name} has no GPU",)


def _layers_by_hand(layers: int) -> str:
    return f"gpuLayers {layers} is set by hand and takes the place of an estimate"
