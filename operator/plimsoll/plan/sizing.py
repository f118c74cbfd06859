"""How much memory a model takes under a load, part by part, before any pod exists.

The formulas were measured against llama.cpp's own log and the resident memory of real processes on the CPU; what the
GPU adds is an assumption, and says so. Every part can be overridden.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from plimsoll.errors import UserError
from plimsoll.plan.gguf_types import BY_NAME, MIB, TensorType
from plimsoll.plan.sizing_cache import Cache
from plimsoll.plan.sizing_model import CPUS, Layer, Model
from plimsoll.plan.sizing_words import in_bytes

CONTEXT_STEP = 256
LARGEST_CONTEXT = 1 << 24
MOST_PARALLEL = 4096
CACHE_TYPES = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL")
# Python, its libraries, the HTTP server and the processes for templates and grammars.
PROCESS = 60 * MIB
# What llama.cpp and we keep for each entry of the vocabulary: its text, where it is found, room to choose from.
BYTES_PER_ENTRY = 700
# Working memory for one token of a batch: 4.5 times the widest step, in F32 (fits four models to within 3 %).
WIDE_STEPS_PER_TOKEN = 4.5
MARGIN_SHARE = 10
MARGIN_LEAST = 128 * MIB


class BadLoad(UserError):
    """The wanted load contradicts itself or the model."""


@dataclass(frozen=True, slots=True)
class Load:
    """How the model is to be used. `context` is what one request may take; `parallel` of them run at once."""

    context: int
    parallel: int = 1
    key_type: str = "F16"
    value_type: str = "F16"
    flash_attention: bool = True
    batch: int = 512  # tokens computed at once (ubatch)
    mapped: bool = False
    embeddings: bool = False
    cpu: str = "amd64"
    output_rows: int | None = None  # rows of logits in one step; the engine asks for one per request

    @property
    def context_per_request(self) -> int:
        """As llama.cpp rounds it, for each request by itself."""
        return -(-self.context // CONTEXT_STEP) * CONTEXT_STEP


@dataclass(frozen=True, slots=True)
class Overrides:
    """Bytes that take the place of an estimate."""

    weights: int | None = None
    repack: int | None = None
    kv: int | None = None
    compute: int | None = None
    outputs: int | None = None
    process: int | None = None
    margin: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(part.size for part in self.parts)

    def size(self, name: str) -> int:
        return next(part.size for part in self.parts if part.name == name)


def estimate(model: Model, load: Load, overrides: Overrides | None = None, *, gpu_layers: int = 0) -> Estimate:
    """The memory of the pod. Layers that a GPU holds are not in it: `sizing_gpu` has those."""
    check(model, load)
    host = model.layers[: layers_on_host(model, gpu_layers)]
    whole = gpu_layers == 0
    parts = (
        _weights(model, host, whole),
        _repack(model, load, host, whole),
        kv(model, host, load),
        compute(model, load),
        _outputs(model, load),
        process(model),
    )
    return assemble(parts, overrides or Overrides(), _notes(model, load))


def layers_on_host(model: Model, gpu_layers: int) -> int:
    """llama.cpp fills a GPU from the end; the output counts as the layer after the last."""
    return min(len(model.layers), max(len(model.layers) + 1 - gpu_layers, 0))


def assemble(parts: tuple[Part, ...], overrides: Overrides, notes: tuple[str, ...]) -> Estimate:
    """The parts as estimated or overridden, and a margin over them."""
    told = tuple(_overridden(part, overrides) for part in parts)
    size = sum(part.size for part in told) // MARGIN_SHARE + MARGIN_LEAST
    margin = Part("margin", size, f"{MARGIN_SHARE} % of the rest and {in_bytes(MARGIN_LEAST)}")
    return Estimate((*told, _overridden(margin, overrides)), notes)


def _overridden(part: Part, overrides: Overrides) -> Part:
    size = {field.name: getattr(overrides, field.name) for field in fields(overrides)}.get(part.name.lower())
    if size is None:
        return part
    if size < 0:
        raise BadLoad(f"the override of {part.name} is {size}", fix="give a number of bytes that is not negative")
    return Part(part.name, size, "set by hand")


def _weights(model: Model, host: tuple[Layer, ...], whole: bool) -> Part:
    size = model.inputs.size + sum(layer.weights.size for layer in host) + (model.outputs.size if whole else 0)
    reason = f"{len(model.layers)} layers, token table and output as {model.file_type}"
    if not whole:
        reason = f"{len(host)} of {len(model.layers)} layers and the token table; the rest is on the GPU"
    return Part("weights", size, reason)


def _repack(model: Model, load: Load, host: tuple[Layer, ...], whole: bool) -> Part:
    layers = sum(layer.weights.repacked(load.cpu) for layer in host)
    output = model.outputs.repacked(load.cpu) if whole else 0
    tied = model.tied.repacked(load.cpu) if whole else 0
    if load.mapped:
        reason = f"matrices that {load.cpu} CPUs copy into another order, beside the mapped file"
        return Part("repack", layers + output + tied, reason)
    # Loaded without mapping, a repacked matrix takes the place of the original; only a shared table is there twice.
    return Part("repack", tied, "the token table again, as output matrix" if tied else "none: the file is not mapped")


def kv(model: Model, layers: tuple[Layer, ...], load: Load) -> Part:
    """Keys and values, and the states of recurrent layers. Slots do not share: each has its whole context."""
    per_request = sum(_cache_bytes(model, layer.cache, load) for layer in layers)
    if not per_request:
        return Part("KV", 0, "nothing is kept between tokens here")
    reason = f"{load.parallel} x {load.context_per_request:,} tokens in {len(layers)} layers"
    if any(_cells(layer.cache, load) != load.context_per_request for layer in layers):
        reason += ", some of which keep less"
    return Part("KV", load.parallel * per_request, f"{reason}, keys {load.key_type}, values {load.value_type}")


def _cells(cache: Cache, load: Load) -> int:
    if not cache.heads:
        return 0
    if cache.window is None:
        return load.context_per_request
    wanted = min(load.context_per_request, cache.window + load.batch)
    return -(-wanted // CONTEXT_STEP) * CONTEXT_STEP


def _cache_bytes(model: Model, cache: Cache, load: Load) -> int:
    values = cache.value_width
    if not load.flash_attention:
        # Without flash attention values lie transposed, and every layer is as wide as the widest.
        values = max(layer.cache.value_width for layer in model.layers)
    row = cache_type(load.key_type).bytes_for(cache.key_width) + cache_type(load.value_type).bytes_for(values)
    return _cells(cache, load) * row + cache.state * 4


def compute(model: Model, load: Load) -> Part:
    """The largest graph of one step: it is laid out once, for a full batch and a full context."""
    batch = batch_of(model, load)
    seen = max(load.context_per_request, batch)
    rows = load.output_rows if load.output_rows is not None else load.parallel
    logits = 0 if load.embeddings else rows * model.vocabulary * 4
    working = int(batch * WIDE_STEPS_PER_TOKEN * model.widest * 4)
    size = max(logits, working) + batch * seen * 2
    reason = f"{batch} tokens at once over {seen:,}, width {model.widest:,}"
    if not load.flash_attention:
        size += model.heads * seen * batch * 4
        reason += f", {model.heads} heads without flash attention"
    return Part("compute", size, reason)


def batch_of(model: Model, load: Load) -> int:
    """A model that reads both ways must have its whole input in one batch, and so must every vector."""
    keeps_something = any(layer.cache.heads or layer.cache.state for layer in model.layers)
    in_pieces = keeps_something and model.causal and not load.embeddings
    return load.batch if in_pieces else max(load.batch, load.context_per_request)


def process(model: Model) -> Part:
    size = PROCESS + model.vocabulary * BYTES_PER_ENTRY
    return Part("process", size, f"Python, its libraries and a vocabulary of {model.vocabulary:,}")


def _outputs(model: Model, load: Load) -> Part:
    if load.embeddings:
        rows = batch_of(model, load) + load.parallel
        return Part("outputs", rows * model.embedding * 4, f"{rows} vectors of {model.embedding:,} numbers")
    rows = max(load.parallel, load.output_rows or 0)
    return Part("outputs", rows * model.vocabulary * 4, f"{rows} rows of {model.vocabulary:,} logits")


def cache_type(name: str) -> TensorType:
    if name not in CACHE_TYPES:
        raise BadLoad(f"{name[:40]!r} is no type for keys and values", fix=f"take one of {', '.join(CACHE_TYPES)}")
    return BY_NAME[name]


def check(model: Model, load: Load) -> None:
    for name, value, most in (
        ("context", load.context, LARGEST_CONTEXT),
        ("parallel", load.parallel, MOST_PARALLEL),
        ("batch", load.batch, LARGEST_CONTEXT),
    ):
        if not 1 <= value <= most:
            raise BadLoad(f"{name} is {value:,}", fix=f"take a number from 1 to {most:,}")
    if load.cpu not in CPUS:
        raise BadLoad(f"{load.cpu[:40]!r} is no kind of CPU that is known here", fix=f"take one of {', '.join(CPUS)}")
    keys, values = cache_type(load.key_type), cache_type(load.value_type)
    if values.block > 1 and not load.flash_attention:
        raise BadLoad(
            f"values of type {load.value_type} need flash attention, and it is off",
            fix="switch flash attention on, or keep values as F16",
        )
    for layer in model.layers:
        if layer.cache.key_length % keys.block or layer.cache.value_length % values.block:
            raise BadLoad(
                f"heads of {layer.cache.key_length} and {layer.cache.value_length} numbers do not fill blocks of"
                f" {load.key_type} and {load.value_type}",
                fix="keep keys and values as F16 for this model",
            )


def _notes(model: Model, load: Load) -> tuple[str, ...]:
    if model.trained_context and load.context > model.trained_context:
        return (
            *model.notes,
            f"a context of {load.context:,} is more than the {model.trained_context:,} tokens it was trained for",
        )
    return model.notes
