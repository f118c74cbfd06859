"""What a model takes: the figures that were measured with real processes, and the classes that everyone knows."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.sizing import BadLoad, Estimate, Load, Overrides, batch_of, estimate
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Made, Shape
from tests.support.gguf_models import MODELS, small

KIB, MIB, GIB, GB = 1 << 10, 1 << 20, 1 << 30, 10**9
LOAD = Load(context=4096)


@cache
def header_of(shape: Shape, file_type: str = "Q4_K_M") -> Header:
    made = maker.model(shape, file_type)
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return header


@pytest.fixture(scope="module")
def mid() -> Model:
    return model_of(header_of(maker.MID, "Q4_0"))


@pytest.fixture(scope="module")
def midv() -> Model:
    return model_of(header_of(maker.MIDV, "Q4_0"))


def kind(name: str) -> Model:
    return of(MODELS[name]())


def of(made: Made) -> Model:
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


@pytest.mark.parametrize(
    ("shape", "least", "most"),
    [
        pytest.param(maker.LLAMA_7B, 4, 8, id="7B"),
        pytest.param(maker.LLAMA_13B, 8, 16, id="13B"),
        pytest.param(maker.LLAMA_70B, 40, 80, id="70B"),
    ],
)
def test_a_model_in_q4_lands_in_its_class(shape: Shape, least: int, most: int) -> None:
    found = estimate(model_of(header_of(shape)), LOAD)
    for unit in (GB, GIB):
        assert least * unit <= found.total <= most * unit
    assert [part.name for part in found.parts] == ["weights", "repack", "KV", "compute", "outputs", "process", "margin"]
    assert all(part.reason for part in found.parts)
    assert found.total == sum(part.size for part in found.parts)


# The sizes in GB with which these files are published.
@pytest.mark.parametrize(
    ("shape", "published"),
    [
        pytest.param(maker.LLAMA_7B, 4.08, id="7B"),
        pytest.param(maker.LLAMA_13B, 7.87, id="13B"),
        pytest.param(maker.LLAMA_70B, 41.42, id="70B"),
    ],
)
def test_the_made_headers_weigh_what_the_real_files_do(shape: Shape, published: float) -> None:
    assert round(header_of(shape).tensor_bytes / GB, 2) == published


def test_q4_k_m_takes_less_than_a_third_of_f16() -> None:
    ratio = header_of(maker.LLAMA_7B, "F16").tensor_bytes / header_of(maker.LLAMA_7B).tensor_bytes
    assert ratio == pytest.approx(3.5, rel=0.1)


def test_a_7b_model_has_the_parts_that_arithmetic_gives() -> None:
    found = estimate(model_of(header_of(maker.LLAMA_7B)), LOAD)
    assert found.size("KV") == 4096 * 32 * 2 * 4096 * 2
    assert found.size("outputs") == 32_000 * 4
    assert found.size("repack") == 0
    assert found.size("compute") == int(512 * 4.5 * 11_008 * 4) + 512 * 4096 * 2
    rest = found.total - found.size("margin")
    assert found.size("margin") == rest // 10 + 128 * MIB


@pytest.mark.parametrize(("cache", "per_token"), [("F16", 12_288), ("Q8_0", 6_528), ("Q4_0", 3_456)])
def test_keys_and_values_take_what_was_measured(mid: Model, cache: str, per_token: int) -> None:
    found = estimate(mid, replace(LOAD, key_type=cache, value_type=cache))
    assert found.size("KV") == 4096 * per_token


def test_keys_and_values_of_the_mid_model_take_48_mib(mid: Model) -> None:
    assert estimate(mid, LOAD).size("KV") == 48 * MIB


def test_each_request_has_its_own_context_rounded_up_by_itself(mid: Model) -> None:
    one = estimate(mid, Load(context=256)).size("KV")
    assert estimate(mid, Load(context=257)).size("KV") == 2 * one
    assert estimate(mid, Load(context=100, parallel=4)).size("KV") == 4 * one


def test_keys_and_values_may_have_different_types(mid: Model) -> None:
    assert estimate(mid, replace(LOAD, key_type="Q8_0")).size("KV") == 4096 * (6528 + 12_288) // 2


def test_a_mapped_file_has_the_repacked_copy_on_top(mid: Model) -> None:
    mapped = estimate(mid, replace(LOAD, mapped=True))
    # Measured: a file of 114 MiB and a copy of 73 MiB.
    assert round(mapped.size("weights") / MIB) == 116
    assert round(mapped.size("repack") / MIB) == 73
    assert estimate(mid, LOAD).size("repack") == 0


def test_what_is_repacked_depends_on_the_cpu() -> None:
    model = model_of(header_of(maker.MID, "Q8_0"))
    assert estimate(model, replace(LOAD, mapped=True)).size("repack") == 0
    assert estimate(model, replace(LOAD, mapped=True, cpu="arm64")).size("repack") > 100 * MIB


def test_the_output_is_repacked_where_it_is_in_the_pod(mid: Model) -> None:
    load = replace(LOAD, mapped=True, cpu="arm64")
    layers = sum(layer.weights.repacked("arm64") for layer in mid.layers)
    assert mid.outputs.repacked("arm64") == 32_000 * 1024 // 256 * 210
    assert estimate(mid, load).size("repack") == layers + mid.outputs.repacked("arm64")
    assert estimate(mid, load, gpu_layers=1).size("repack") == layers
    assert estimate(mid, load, gpu_layers=1).size("weights") == mid.weights.size - mid.outputs.size


def test_a_shared_token_table_is_there_twice_when_it_is_repacked() -> None:
    shape = replace(maker.MID, tied=True)
    header = header_of(shape, "Q8_0")
    table = next(tensor for tensor in header.tensors if tensor.name == "token_embd.weight")
    model = model_of(header)
    assert estimate(model, replace(LOAD, cpu="arm64")).size("repack") == table.size
    assert estimate(model, LOAD).size("repack") == 0
    assert estimate(model, replace(LOAD, cpu="arm64"), gpu_layers=1).size("repack") == 0


def compute(model: Model, load: Load) -> float:
    return estimate(model, load).size("compute") / MIB


def test_asking_for_a_row_of_logits_per_token_takes_what_was_measured(midv: Model) -> None:
    assert compute(midv, replace(LOAD, output_rows=512)) == pytest.approx(254, abs=1)
    assert compute(midv, LOAD) == pytest.approx(28.5, rel=0.03)


def test_computing_without_flash_attention_takes_what_was_measured(mid: Model) -> None:
    long = Load(context=16_384)
    assert compute(mid, long) == pytest.approx(40.5, rel=0.03)
    assert compute(mid, replace(long, flash_attention=False)) == pytest.approx(555, rel=0.01)


def test_a_smaller_batch_takes_what_was_measured(mid: Model) -> None:
    assert compute(mid, replace(LOAD, batch=128)) == pytest.approx(7, rel=0.03)


def test_outputs_are_a_row_of_logits_per_request(mid: Model) -> None:
    for rows, output_rows in ((8, None), (8, 1), (16, 16)):
        load = replace(LOAD, parallel=8, output_rows=output_rows)
        assert estimate(mid, load).size("outputs") == rows * 32_000 * 4


def test_embeddings_are_vectors_and_no_logits(midv: Model) -> None:
    found = estimate(midv, replace(LOAD, embeddings=True, output_rows=512))
    assert found.size("outputs") == (512 + 1) * 1024 * 4
    assert found.size("compute") == estimate(midv, LOAD).size("compute")


def test_an_encoder_keeps_nothing_and_takes_its_input_in_one_batch() -> None:
    found = estimate(kind("encoder"), Load(context=2048, embeddings=True))
    assert found.size("KV") == 0
    assert found.size("compute") == int(2048 * 4.5 * 128 * 4) + 2048 * 2048 * 2


@pytest.mark.parametrize(
    ("architecture", "causal", "batch"), [("llama", True, 512), ("llama", False, 2048), ("dream", True, 2048)]
)
def test_only_a_model_that_reads_forward_and_keeps_something_works_in_batches(
    architecture: str, causal: bool, batch: int
) -> None:
    model = of(small(architecture, attention__causal=causal))
    assert batch_of(model, Load(context=2048)) == batch


def test_a_recurrent_model_works_in_batches() -> None:
    assert batch_of(kind("recurrent"), Load(context=2048)) == 512


def reasons(model: Model, load: Load) -> dict[str, str]:
    return {part.name: part.reason for part in estimate(model, load).parts}


def test_each_part_says_what_it_was_made_from(midv: Model) -> None:
    load = Load(context=4000, parallel=2, key_type="Q8_0", flash_attention=False, mapped=True)
    assert reasons(midv, load) == {
        "weights": "12 layers, token table and output as Q4_0",
        "repack": "matrices that amd64 CPUs copy into another order, beside the mapped file",
        "KV": "2 x 4,096 tokens in 12 layers, keys Q8_0, values F16",
        "compute": "512 tokens at once over 4,096, width 2,816, 16 heads without flash attention",
        "outputs": "2 rows of 128,000 logits",
        "process": "Python, its libraries and the HTTP server",
        "margin": "10 % of the rest and 128 MiB",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("plain", "1 x 4,096 tokens in 4 layers, keys F16, values F16"),
        ("windows", "1 x 4,096 tokens in 4 layers, some of which keep less, keys F16, values F16"),
        ("hybrid", "1 x 4,096 tokens in 4 layers, some of which keep less, keys F16, values F16"),
        ("encoder", "nothing is kept between tokens here"),
    ],
)
def test_keys_and_values_say_who_keeps_less(name: str, reason: str) -> None:
    assert reasons(kind(name), LOAD)["KV"] == reason


def test_vectors_and_a_shared_table_say_so() -> None:
    found = reasons(kind("encoder"), Load(context=256, embeddings=True))
    assert found["outputs"] == "513 vectors of 64 numbers"
    tied = model_of(header_of(replace(maker.MID, tied=True), "Q8_0"))
    assert reasons(tied, replace(LOAD, cpu="arm64"))["repack"] == "the token table again, as output matrix"
    assert reasons(tied, LOAD)["repack"] == "none: the file is not mapped"


@pytest.mark.parametrize("name", ["weights", "repack", "kv", "compute", "outputs", "process", "margin"])
def test_every_part_can_be_set_by_hand(mid: Model, name: str) -> None:
    usual, found = estimate(mid, LOAD), estimate(mid, LOAD, Overrides(**{name: 12_345}))
    part = next(part for part in found.parts if part.name.lower() == name)
    assert (part.size, part.reason) == (12_345, "set by hand")
    assert found.total != usual.total


def test_a_margin_follows_what_was_set_by_hand(mid: Model) -> None:
    assert estimate(mid, LOAD, Overrides(weights=0)).size("margin") < estimate(mid, LOAD).size("margin")


def test_an_override_below_nothing_is_refused(mid: Model) -> None:
    with pytest.raises(BadLoad, match="weights"):
        estimate(mid, LOAD, Overrides(weights=-1))


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (Load(context=0), "context"),
        (Load(context=1 << 25), "context"),
        (Load(context=1, parallel=0), "parallel"),
        (Load(context=1, parallel=5000), "parallel"),
        (Load(context=1, batch=0), "batch"),
        (Load(context=1, cpu="s390x"), "CPU"),
        (Load(context=1, key_type="Q6_K"), "Q6_K"),
        (Load(context=1, value_type="F8"), "F8"),
        (Load(context=1, value_type="Q8_0", flash_attention=False), "flash attention"),
    ],
    ids=str,
)
def test_a_load_that_cannot_be_is_refused_by_name(mid: Model, load: Load, told: str) -> None:
    with pytest.raises(BadLoad, match=told) as caught:
        estimate(mid, load)
    assert caught.value.fix


def test_keys_that_do_not_fill_blocks_are_refused() -> None:
    for load in (replace(LOAD, key_type="Q8_0"), replace(LOAD, value_type="Q8_0")):
        with pytest.raises(BadLoad, match="blocks"):
            estimate(kind("plain"), load)


def test_a_context_past_the_training_is_told(mid: Model) -> None:
    assert estimate(mid, Load(context=8192)).notes == ()
    assert "8,192 tokens it was trained for" in estimate(mid, Load(context=8193)).notes[0]
    assert estimate(of(small(context_length=0)), Load(context=8193)).notes == ()


def test_an_estimate_never_falls_when_the_load_grows(mid: Model) -> None:
    def total(load: Load) -> int:
        found: Estimate = estimate(mid, load)
        return found.total

    sizes = [total(Load(context=context)) for context in range(1, 20_000, 501)]
    assert sizes == sorted(sizes)
    sizes = [total(replace(LOAD, parallel=parallel)) for parallel in range(1, 65)]
    assert sizes == sorted(sizes)


def test_the_table_of_the_guide_is_what_is_computed(pytestconfig: pytest.Config) -> None:
    guide = (pytestconfig.rootpath / "docs" / "sizing.md").read_text()
    rows = {}
    for name, shape in (("7B", maker.LLAMA_7B), ("13B", maker.LLAMA_13B), ("70B", maker.LLAMA_70B)):
        found = estimate(model_of(header_of(shape)), LOAD)
        sizes = [part.size for part in found.parts if part.name != "repack"] + [found.total]
        rows[name] = " | ".join(f"{size / GB:.2f}" for size in sizes)
    table = dict(re.findall(r"^\| (\d+B) \(.*?\) \| (.*) \|$", guide, re.MULTILINE))
    assert table == rows
