"""What each kind of model keeps between tokens, layer by layer, as llama.cpp allocates it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.plan import sizing_architectures as known
from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.gguf_types import ValueType
from plimsoll.plan.sizing import Load, estimate
from plimsoll.plan.sizing_cache import Cache, CannotSize
from plimsoll.plan.sizing_model import Model, model_of
from tests.support.gguf_maker import Given, Listed, Made, MadeTensor, make, tensors_of
from tests.support.gguf_models import MODELS, SMALL, described, small

U32 = ValueType.UINT32
ROWS = MadeTensor("blk.0.attn_q.weight", (32, 32), "F16")
SSM: dict[str, Given] = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16}
SSM_STATE = 3 * 128 + 16 * 128
WHOLE = Cache(2, 16, 16)
ROW = 2 * 16 * 2 * 2  # two heads of 16, keys and values, two bytes each


def sized(made: Made) -> Model:
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


def caches(made: Made) -> list[Cache]:
    return [layer.cache for layer in sized(made).layers]


def kv(made: Made, context: int = 4096, parallel: int = 1, **load: int) -> int:
    return estimate(sized(made), Load(context, parallel, **load)).size("KV")  # type: ignore[arg-type]


def test_a_plain_model_keeps_the_whole_context_in_each_layer() -> None:
    assert caches(small()) == [WHOLE] * 4
    assert kv(small()) == 4 * 4096 * ROW


def test_lengths_of_keys_and_values_come_from_the_header_when_it_has_them() -> None:
    assert caches(small(attention__key_length=32, attention__value_length=24)) == [Cache(2, 32, 24)] * 4


def test_a_missing_number_of_key_value_heads_is_that_of_the_heads() -> None:
    values = described("llama")
    del values["llama.attention.head_count_kv"]
    assert caches(make(values, tensors_of(SMALL, "F16"))) == [Cache(4, 16, 16)] * 4


def test_heads_may_differ_by_layer() -> None:
    made = small(attention__head_count_kv=Listed(U32, [2, 0, 4, 1]))
    assert [cache.heads for cache in caches(made)] == [2, 0, 4, 1]
    assert kv(made) == 4096 * 7 * 16 * 2 * 2


def test_values_without_flash_attention_are_as_wide_as_the_widest_layer() -> None:
    made = small(attention__head_count_kv=Listed(U32, [2, 0, 4, 1]))
    load = Load(4096, flash_attention=False)
    assert estimate(sized(made), load).size("KV") == 4096 * (7 + 3 * 4) * 16 * 2


def test_latent_attention_keeps_keys_only() -> None:
    assert caches(MODELS["latent"]()) == [Cache(2, 16, 0)] * 4
    assert caches(small("deepseek2", attention__key_length_mla=16)) == [WHOLE] * 4
    assert caches(small("deepseek2", attention__value_length_mla=16)) == [WHOLE] * 4


def test_a_hybrid_without_any_heads_is_all_states() -> None:
    made = small("jamba", attention__head_count=0, attention__head_count_kv=0, **SSM)
    assert caches(made) == [Cache(state=SSM_STATE)] * 4


def test_an_encoder_keeps_nothing() -> None:
    assert caches(MODELS["encoder"]()) == [Cache()] * 4


WINDOWS: dict[str, tuple[Callable[[], Made], list[int | None]]] = {
    "gemma3 has one whole layer in six": (
        lambda: small("gemma3", attention__sliding_window=512),
        [512, 512, 512, 512],
    ),
    "gemma2 has every second layer whole": (lambda: small("gemma2"), [4096, None, 4096, None]),
    "gpt-oss has every second layer whole": (
        lambda: small("gpt-oss", attention__sliding_window=128),
        [128, None, 128, None],
    ),
    "smallthinker begins with a whole layer": (lambda: small("smallthinker"), [None, 4096, 4096, 4096]),
    "the header's own period counts": (
        lambda: small("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=2),
        [512, None, 512, None],
    ),
    "a period of nought means all layers": (
        lambda: small("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=0),
        [512, 512, 512, 512],
    ),
    "the header's own list counts": (
        lambda: small("gemma4", attention__sliding_window=9, attention__sliding_window_pattern=[1, 0, 0, 1]),
        [9, None, None, 9],
    ),
    "a list goes before a period": (
        lambda: small("gemma3", attention__sliding_window=9, attention__sliding_window_pattern=[0, 1, 0, 0]),
        [None, 9, None, None],
    ),
    "a window of nought is the usual one": (
        lambda: small("gemma2", attention__sliding_window=0),
        [4096, None, 4096, None],
    ),
    "gemma3 without a window has none": (lambda: small("gemma3"), [None, None, None, None]),
    "a list that its architecture does not use": (
        lambda: small("qwen2", attention__sliding_window=9, attention__sliding_window_pattern=[1, 1, 1, 1]),
        [None, None, None, None],
    ),
    "llama4 has chunks without being told": (lambda: small("llama4"), [8192, 8192, 8192, None]),
    "a list model without its list is counted whole": (
        lambda: small("gemma4", attention__sliding_window=9),
        [None, None, None, None],
    ),
    "llama4 has chunks of 8,192 whatever the header says": (
        lambda: small("llama4", attention__sliding_window=77),
        [8192, 8192, 8192, None],
    ),
    "llama4 with a window of nought has none": (
        lambda: small("llama4", attention__sliding_window=0),
        [None, None, None, None],
    ),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_windows(case: str) -> None:
    made, windows = WINDOWS[case]
    assert [cache.window for cache in caches(made())] == windows


def test_a_window_layer_holds_the_window_and_one_batch_and_no_more_than_the_context() -> None:
    made = small("gemma3", attention__sliding_window=512)
    assert kv(made, context=8192) == 4 * (512 + 512) * ROW
    assert kv(made, context=256) == 4 * 256 * ROW
    assert kv(made, context=8192, parallel=2) == 2 * kv(made, context=8192)
    assert kv(made, context=8192, batch=100) == 4 * 768 * ROW


def test_window_layers_may_have_lengths_of_their_own() -> None:
    made = small(
        "gemma4",
        attention__sliding_window=9,
        attention__sliding_window_pattern=[1, 1, 1, 0],
        attention__key_length_swa=8,
        attention__value_length_swa=4,
    )
    assert caches(made) == [Cache(2, 8, 4, window=9)] * 3 + [WHOLE]


def test_a_window_that_no_rule_is_known_for_is_not_relied_on() -> None:
    model = sized(small("qwen2", attention__sliding_window=512))
    assert [layer.cache for layer in model.layers] == [WHOLE] * 4
    assert "not relied on" in model.notes[0]


def test_layers_that_read_what_an_earlier_one_keeps_keep_nothing() -> None:
    made = small("gemma4", attention__shared_kv_layers=3)
    assert caches(made) == [WHOLE, Cache(), Cache(), Cache()]
    later = caches(small("gemma3n", block_count=22, attention__sliding_window=9))
    assert [bool(cache.heads) for cache in later] == [True] * 20 + [False] * 2
    assert caches(small(attention__shared_kv_layers=3)) == [WHOLE] * 4


def test_a_recurrent_model_keeps_a_state_per_request_whatever_the_context() -> None:
    made = MODELS["recurrent"]()
    assert caches(made) == [Cache(state=SSM_STATE)] * 4
    assert kv(made, context=256) == kv(made, context=100_000) == 4 * SSM_STATE * 4
    assert kv(made, parallel=3) == 3 * kv(made)


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        pytest.param({"wkv__head_size": 16}, 2 * 64 + 64 * 16, id="rwkv"),
        pytest.param({"wkv__head_size": 16, "token_shift_count": 1}, 64 + 64 * 16, id="rwkv with one shift"),
        pytest.param({**SSM, "ssm__group_count": 2}, 3 * (128 + 2 * 2 * 16) + 16 * 128, id="mamba2"),
        pytest.param({"shortconv__l_cache": 3}, 64 * 2, id="short convolution"),
        pytest.param({"kda__head_dim": 8, "ssm__conv_kernel": 4}, 3 * 3 * 32 + 8 * 32, id="kda"),
        pytest.param({"kda__head_dim": 8, "ssm__conv_kernel": 2}, 3 * 1 * 32 + 8 * 32, id="kda with a short past"),
        pytest.param({"kda__head_dim": 8}, 3 * 3 * 32 + 8 * 32, id="kda with the usual past"),
    ],
)
def test_states_have_the_size_of_their_kind(keys: dict[str, Given], state: int) -> None:
    assert caches(small("rwkv7", **keys)) == [Cache(state=state)] * 4


def test_a_hybrid_has_states_where_it_has_no_heads() -> None:
    assert caches(MODELS["hybrid"]()) == [Cache(state=SSM_STATE)] * 3 + [WHOLE]


def test_a_hybrid_by_interval_keeps_every_fourth_layer_or_what_the_header_says() -> None:
    state = Cache(state=SSM_STATE)
    assert caches(small("qwen3next", **SSM)) == [state, state, state, WHOLE]
    assert caches(small("qwen3next", full_attention_interval=2, **SSM)) == [state, WHOLE, state, WHOLE]
    listed = small("qwen3next", attention__recurrent_layers=[0, 1, 1, 0], **SSM)
    assert caches(listed) == [WHOLE, state, state, WHOLE]


def test_a_hybrid_with_both_has_both_in_each_layer() -> None:
    assert caches(small("falcon-h1", **SSM)) == [Cache(2, 16, 16, state=SSM_STATE)] * 4


def test_an_unknown_architecture_is_counted_whole_and_says_so() -> None:
    model = sized(small("brand-new", attention__sliding_window=512))
    assert [layer.cache for layer in model.layers] == [WHOLE] * 4
    assert any("brand-new is unknown" in note for note in model.notes)
    assert sized(small()).notes == ()


@pytest.mark.parametrize(
    "sign", ["ssm__inner_size", "wkv__head_size", "attention__indexer__top_k", "kda__head_dim", "num_loops"]
)
def test_an_unknown_architecture_with_another_memory_is_refused(sign: str) -> None:
    with pytest.raises(CannotSize, match="brand-new") as caught:
        sized(small("brand-new", **{sign: 8}))
    assert "resources.limits.memory" in caught.value.fix


@pytest.mark.parametrize("architecture", sorted(known.OF_THEIR_OWN))
def test_an_architecture_without_a_formula_is_refused_with_the_override(architecture: str) -> None:
    with pytest.raises(CannotSize, match=architecture) as caught:
        sized(small(architecture))
    assert "resources.limits.memory" in caught.value.fix


@pytest.mark.parametrize("architecture", sorted(known.NOT_LANGUAGE))
def test_what_is_no_language_model_is_refused(architecture: str) -> None:
    # Such a file has none of a language model's keys.
    with pytest.raises(CannotSize, match="no language model"):
        sized(make({"general.architecture": architecture}, [ROWS]))


def test_no_architecture_is_of_two_kinds() -> None:
    kinds = (
        known.PLAIN, known.COUNTED_WHOLE, set(known.WINDOWED), known.WINDOWED_BY_LIST, known.WITHOUT_CACHE,
        known.RECURRENT, known.HYBRID_BY_HEADS, set(known.HYBRID_BY_INTERVAL), known.HYBRID_BOTH,
        known.OF_THEIR_OWN, known.NOT_LANGUAGE,
    )  # fmt: skip
    assert sum(len(kind) for kind in kinds) == len(known.KNOWN)
