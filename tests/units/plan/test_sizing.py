"""What a model takes: the figures that were measured with real processes, and the classes that everyone knows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from plimsoll.plan.sizing import Load, batch_of, estimate
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Shape
from tests.support.gguf_models import small
from tests.support.sized_models import LOAD, header_of, kind, of

KIB, MIB, GIB, GB = 1 << 10, 1 << 20, 1 << 30, 10**9


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
    load = replace(LOAD, context=512)
    found = estimate(midv, replace(load, embeddings=True, output_rows=512))
    assert found.size("outputs") == (512 + 1) * 1024 * 4
    assert found.size("compute") == estimate(midv, load).size("compute")


def test_a_vector_is_made_of_its_whole_input_at_once(midv: Model) -> None:
    found = estimate(midv, replace(LOAD, context=2048, embeddings=True))
    assert found.size("outputs") == (2048 + 1) * 1024 * 4
    assert found.size("compute") > 3 * estimate(midv, replace(LOAD, context=2048)).size("compute")


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


SMALL = Shape(4, 512, 1408, 8, 4, context=8192)


@pytest.mark.parametrize(
    ("shape", "file_type", "load", "measured"),
    [
        pytest.param(SMALL, "F16", Load(context=2048, parallel=4), 216, id="small F16"),
        pytest.param(maker.MID, "F16", Load(context=512, parallel=4), 499, id="mid F16"),
        pytest.param(maker.MID, "Q8_0", Load(context=1024, parallel=4), 348, id="mid Q8_0"),
        pytest.param(maker.MID, "Q4_K_M", Load(context=1024, parallel=4), 266, id="mid Q4_K_M"),
    ],
)
def test_what_engines_took_with_every_slot_full_is_met_to_a_tenth(
    shape: Shape, file_type: str, load: Load, measured: int
) -> None:
    """In MiB: all that their control group counted, without the page cache. The margin is for what was not seen."""
    found = estimate(model_of(header_of(shape, file_type)), load)
    assert (found.total - found.size("margin")) / MIB == pytest.approx(measured, rel=0.1)


def test_the_table_of_the_guide_is_what_is_computed(pytestconfig: pytest.Config) -> None:
    guide = (pytestconfig.rootpath / "docs" / "sizing.md").read_text()
    rows = {}
    for name, shape in (("7B", maker.LLAMA_7B), ("13B", maker.LLAMA_13B), ("70B", maker.LLAMA_70B)):
        found = estimate(model_of(header_of(shape)), LOAD)
        sizes = [part.size for part in found.parts if part.name != "repack"] + [found.total]
        rows[name] = " | ".join(f"{size / GB:.2f}" for size in sizes)
    table = dict(re.findall(r"^\| (\d+B) \(.*?\) \| (.*) \|$", guide, re.MULTILINE))
    assert table == rows
