"""What each layer keeps between tokens: keys and values for the whole context or a window, a state, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from plimsoll.errors import UserError
from plimsoll.plan import sizing_architectures as known
from plimsoll.plan.gguf import BadHeader
from plimsoll.plan.sizing_keys import Keys

_MOST_HEADS = 1 << 12
_LONGEST_HEAD = 1 << 16


class CannotSize(UserError):
    """There is no formula for this model's memory; the fix names the override."""


@dataclass(frozen=True, slots=True)
class Cache:
    """One layer. Widths are numbers per token, `state` is numbers per sequence, always kept as F32."""

    heads: int = 0
    key_length: int = 0
    value_length: int = 0
    window: int | None = None
    state: int = 0

    @property
    def key_width(self) -> int:
        return self.heads * self.key_length

    @property
    def value_width(self) -> int:
        return self.heads * self.value_length


def caches_of(keys: Keys, layers: int) -> tuple[tuple[Cache, ...], tuple[str, ...]]:
    """What each layer keeps, and what a reader of the estimate should know about how it was found."""
    architecture = keys.architecture
    if architecture in known.WITHOUT_CACHE:
        return (Cache(),) * layers, ()
    if architecture in known.RECURRENT:
        return (Cache(state=_state(keys, layers)),) * layers, ()
    caches = _attention(keys, layers)
    notes: tuple[str, ...] = ()
    windows = _windows(keys, layers)
    if windows:
        caches = [_windowed(keys, cache, window) for cache, window in zip(caches, windows, strict=True)]
    elif keys.number("attention.sliding_window", most=1 << 30, default=0):
        notes += ("the header names a sliding window; it is not relied on, every layer is counted with the context",)
    if architecture not in known.KNOWN:
        whole = "every layer is counted with keys and values for the whole context"
        notes += (f"the architecture {architecture} is unknown here: {whole}; override the KV part if you know better",)
    if (first := _shared_from(keys, layers)) is not None:
        caches[first:] = [Cache()] * (layers - first)
    return tuple(_with_states(keys, caches)), notes


def refuse_unsizable(keys: Keys) -> None:
    """Raises CannotSize for what is no language model, or has a memory that we have no formula for."""
    architecture = keys.architecture
    if architecture in known.NOT_LANGUAGE:
        raise CannotSize(f"{architecture} is no language model", fix="name the file of the language model itself")
    strange = architecture not in known.KNOWN and any(keys.has_under(sign) for sign in known.SIGNS_OF_OTHER_MEMORY)
    if architecture in known.OF_THEIR_OWN or strange:
        raise CannotSize(
            f"the architecture {architecture} keeps memory of a kind that Plimsoll has no formula for",
            fix="measure the pod once and set resources.requests.memory and resources.limits.memory yourself",
        )


def _attention(keys: Keys, layers: int) -> list[Cache]:
    heads = keys.per_layer("attention.head_count", layers, most=_MOST_HEADS)
    embedding = keys.number("embedding_length", least=1, most=1 << 20)
    usual = embedding // max(heads) if any(heads) else 0
    # A missing count of key-value heads means one for each head.
    kept = (
        keys.per_layer("attention.head_count_kv", layers, most=_MOST_HEADS)
        if keys.has("attention.head_count_kv")
        else heads
    )
    key_length = keys.number("attention.key_length", most=_LONGEST_HEAD, default=usual)
    value_length = keys.number("attention.value_length", most=_LONGEST_HEAD, default=usual)
    if keys.has("attention.key_length_mla") and keys.has("attention.value_length_mla"):
        # Latent attention keeps one compressed row, from which both keys and values are made.
        value_length = 0
    if any(kept) and not key_length:
        raise BadHeader("the header gives the attention heads no length")
    return [Cache(count, key_length, value_length) for count in kept]


def _windows(keys: Keys, layers: int) -> tuple[int | None, ...]:
    """The window of each layer, None where it keeps everything; empty where the architecture has no windows."""
    rule = known.WINDOWED.get(keys.architecture)
    if rule is None and keys.architecture not in known.WINDOWED_BY_LIST:
        return ()
    window = _window(keys, rule)
    marks = keys.marks("attention.sliding_window_pattern", layers)
    if marks is None and rule is not None:
        period = keys.number("attention.sliding_window_pattern", most=1 << 10, default=rule.period)
        marks = tuple(_is_windowed(index, period, rule.whole_first) for index in range(layers))
    return tuple(window if marked else None for marked in marks or ()) if window else ()


def _window(keys: Keys, rule: known.Windowed | None) -> int:
    usual = rule.window if rule else 0
    told = keys.number("attention.sliding_window", most=1 << 30, default=usual)
    if rule is not None and rule.fixed:
        return usual if told else 0
    return told or usual


def _is_windowed(index: int, period: int, whole_first: bool) -> bool:
    if period == 0:
        return True
    return index % period != 0 if whole_first else index % period < period - 1


def _windowed(keys: Keys, cache: Cache, window: int | None) -> Cache:
    if window is None:
        return cache
    key_length = keys.number("attention.key_length_swa", most=_LONGEST_HEAD, default=cache.key_length)
    value_length = keys.number("attention.value_length_swa", most=_LONGEST_HEAD, default=cache.value_length)
    return replace(cache, key_length=key_length, value_length=value_length, window=window)


def _shared_from(keys: Keys, layers: int) -> int | None:
    if keys.architecture in known.KEEPS_UP_TO_LAYER:
        return min(layers, known.KEEPS_UP_TO_LAYER[keys.architecture])
    if keys.architecture == "gemma4":
        return layers - keys.number("attention.shared_kv_layers", most=layers, default=0)
    return None


def _with_states(keys: Keys, caches: list[Cache]) -> list[Cache]:
    architecture, layers = keys.architecture, len(caches)
    if architecture in known.HYBRID_BOTH:
        state = _state(keys, layers)
        return [replace(cache, state=state) for cache in caches]
    if architecture in known.HYBRID_BY_HEADS:
        state = _state(keys, layers)
        return [cache if cache.heads else Cache(state=state) for cache in caches]
    if architecture in known.HYBRID_BY_INTERVAL:
        state = _state(keys, layers)
        marks = keys.marks("attention.recurrent_layers", layers) or _every(keys, layers)
        return [Cache(state=state) if marked else cache for cache, marked in zip(caches, marks, strict=True)]
    return caches


def _every(keys: Keys, layers: int) -> tuple[bool, ...]:
    interval = keys.number(
        "full_attention_interval", least=1, most=layers, default=known.HYBRID_BY_INTERVAL[keys.architecture]
    )
    return tuple((index + 1) % interval != 0 for index in range(layers))


def _state(keys: Keys, layers: int) -> int:
    """Numbers that a recurrent layer keeps for one sequence: its short past and its state."""
    most = 1 << 20
    embedding = keys.number("embedding_length", least=1, most=most)
    if head := keys.number("wkv.head_size", most=1 << 12, default=0):
        shifts = keys.number("token_shift_count", most=16, default=2)
        return shifts * embedding + embedding * head
    if short := keys.number("shortconv.l_cache", most=1 << 10, default=0):
        return embedding * (short - 1)
    kernel = keys.number("ssm.conv_kernel", most=1 << 10, default=0)
    if head := keys.number("kda.head_dim", most=1 << 12, default=0):
        inner = max(keys.per_layer("attention.head_count", layers, most=_MOST_HEADS)) * head
        return 3 * (kernel - 1 if kernel else 3) * inner + head * inner
    inner = keys.number("ssm.inner_size", least=1, most=1 << 24)
    state = keys.number("ssm.state_size", least=1, most=1 << 16)
    groups = keys.number("ssm.group_count", most=1 << 12, default=0)
    return max(kernel - 1, 0) * (inner + 2 * groups * state) + state * inner
