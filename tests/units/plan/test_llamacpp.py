"""llamacpp: what it asks of its node and how it is started; what users set goes before what is estimated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.configuration import Gpu, HardwareProfile
from plimsoll.api.engine import OPTIONS
from plimsoll.api.reasons import Reason
from plimsoll.plan.engines import PLANNERS
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.quantities import bytes_of
from plimsoll.plan.sizing import Load, estimate
from tests.support.gguf_maker import TINY
from tests.support.model_configs import base, merged
from tests.support.rendering import (
    LARGE,
    SMALL,
    declared,
    engine_of,
    existing,
    fetch_of,
    fixed_configuration,
    flags_of,
    gguf_facts,
    memory_of,
    model_of_shape,
    outcome,
    reasons_of,
    refused,
)

Object = dict[str, Any]
GIB = 1 << 30
WHY = "new.gguf: the architecture new keeps memory of a kind that Plimsoll has no formula for"
UNSIZED = SourceFacts("etag:1", (SourceFile("new.gguf", 4 * GIB),), None, WHY)


def hub(**change: Any) -> Object:
    spec: Object = merged(base("hub"), change)
    return spec


def test_every_engine_of_the_contract_has_a_planner() -> None:
    assert set(PLANNERS) == set(OPTIONS)


def test_llamacpp_asks_for_its_estimate_and_says_each_part() -> None:
    workload = declared(hub(), gguf_facts(LARGE))
    found = estimate(model_of_shape(LARGE), Load(context=4096))
    assert workload.sizing is not None
    assert {part.name: part.bytes for part in workload.sizing.parts} == {
        part.name.replace("KV", "kvCache"): part.size for part in found.parts
    }
    assert workload.sizing.total_bytes == found.total
    request, limit = memory_of(workload)
    assert request == limit == workload.sizing.memory_request == workload.sizing.memory_limit
    assert found.total <= bytes_of(request) < found.total + (1 << 20)


def test_llamacpp_is_told_everything_on_its_command_line() -> None:
    workload = declared(hub(context=8192, parallel=2), gguf_facts(SMALL))
    assert engine_of(workload)["args"][0] == "engine"
    assert flags_of(workload) == {
        "engine": "",
        "--model": "/models/tiny-q8_0.gguf",
        "--alias": "chat",
        "--port": "8080",
        "--mode": "generate",
        "--context": "8192",
        "--parallel": "2",
        "--threads": "4",
        "--gpu-layers": "0",
        "--kv-cache-type": "f16",
        "--flash-attention": "",
        "--batch-size": "512",
        "--micro-batch-size": "512",
        "--no-map-weights": "",
    }


LLAMACPP_OPTIONS: list[tuple[str, Any, str, str]] = [
    ("kvCacheType", "q8_0", "--kv-cache-type", "q8_0"),
    ("flashAttention", False, "--no-flash-attention", ""),
    ("batchSize", 256, "--batch-size", "256"),
    ("batchSize", 256, "--micro-batch-size", "256"),
    ("microBatchSize", 1024, "--micro-batch-size", "1024"),
    ("microBatchSize", 1024, "--batch-size", "1024"),
    ("mapWeights", True, "--map-weights", ""),
    ("mode", "embed", "--mode", "embed"),
    ("chatTemplate", "{{ bos_token }}\n{{ messages }}", "--chat-template", "{{ bos_token }}\n{{ messages }}"),
]


@pytest.mark.parametrize(("option", "value", "flag", "told"), LLAMACPP_OPTIONS)
def test_every_option_of_llamacpp_reaches_its_flag(option: str, value: Any, flag: str, told: str) -> None:
    assert flags_of(declared(hub(engine={"options": {option: value}}), gguf_facts(SMALL)))[flag] == told


def test_the_table_above_has_every_option_of_llamacpp() -> None:
    assert {option for option, *_ in LLAMACPP_OPTIONS} == set(OPTIONS["llamacpp"])


@pytest.mark.parametrize(
    "options", [{"kvCacheType": "q8_0"}, {"microBatchSize": 128}, {"mapWeights": True}, {"mode": "embed"}]
)
def test_an_option_that_changes_memory_changes_the_estimate(options: Object) -> None:
    plain, other = (declared(hub(engine={"options": each}), gguf_facts(LARGE)) for each in ({}, options))
    assert plain.sizing is not None
    assert other.sizing is not None
    assert plain.sizing.total_bytes != other.sizing.total_bytes


def test_a_vector_is_made_of_an_input_at_once_so_the_batch_holds_the_whole_context() -> None:
    embedding = hub(context=2048, parallel=4, engine={"options": {"mode": "embed"}})
    workload = declared(embedding, gguf_facts(LARGE))
    flags = flags_of(workload)
    assert (flags["--context"], flags["--batch-size"], flags["--micro-batch-size"]) == ("2048", "2048", "2048")
    assert workload.sizing is not None
    expected = estimate(model_of_shape(LARGE), Load(context=2048, embeddings=True))
    assert workload.sizing.total_bytes == expected.total
    larger = merged(embedding, {"engine": {"options": {"microBatchSize": 4096}}})
    assert flags_of(declared(larger, gguf_facts(LARGE)))["--micro-batch-size"] == "4096"


def test_a_gpu_takes_the_layers_that_fit_and_the_pod_the_rest() -> None:
    workload = declared(hub(hardware={"profile": "cuda"}, parallel=2), gguf_facts(LARGE))
    assert workload.sizing is not None
    assert workload.on_gpu
    layers = workload.sizing.gpu_layers
    assert layers is not None
    assert 0 < layers < 33
    assert flags_of(workload)["--gpu-layers"] == str(layers)
    assert flags_of(workload)["--batch-size"] == "2048"
    expected = estimate(model_of_shape(LARGE), Load(context=4096, parallel=2), gpu_layers=layers)
    assert workload.sizing.total_bytes == expected.total
    assert f"{layers} of 33 layers" in reasons_of(workload)


def test_two_gpus_take_more_layers_than_one() -> None:
    one, two = (
        declared(hub(hardware={"profile": "cuda", "count": count}, parallel=4), gguf_facts(LARGE)).sizing
        for count in (1, 2)
    )
    assert one is not None
    assert two is not None
    assert (one.gpu_layers or 0) < (two.gpu_layers or 0)


def test_a_gpu_that_holds_not_one_layer_is_refused_instead_of_reserved() -> None:
    tiny = HardwareProfile(name="tiny", gpu=Gpu(memory="512Mi"))
    configuration = fixed_configuration().model_copy(update={"profiles": (tiny,)})
    finding = outcome(existing(hub(hardware={"profile": "tiny"})), gguf_facts(LARGE), configuration)
    assert isinstance(finding, Finding)
    assert finding.reason is Reason.DOES_NOT_FIT
    assert "not one layer fits into the 512 MiB" in finding.message


def test_the_profiles_limit_refuses_with_the_numbers_and_names_the_profile() -> None:
    finding = refused(hub(context=65536), gguf_facts(LARGE))
    assert finding.reason is Reason.DOES_NOT_FIT
    for part in ("weights 3.8", "KV 32.0", "> limit 24.0 GiB", "would fit", "the limit is that of the profile cpu"):
        assert part in finding.message


def test_a_limit_of_the_user_refuses_with_the_context_that_would_fit_and_what_to_set() -> None:
    finding = refused(hub(resources={"limits": {"memory": "6Gi"}}), gguf_facts(LARGE))
    assert "context 2560 would fit" in finding.message
    assert "set context to 2560 or less, or set resources.limits.memory to" in finding.message


def test_a_request_of_the_user_takes_the_place_of_the_estimate_which_is_still_shown() -> None:
    amounts = {"requests": {"memory": "2Gi"}, "limits": {"memory": "3Gi"}}
    workload = declared(hub(resources=amounts), gguf_facts(LARGE))
    assert memory_of(workload) == ("2Gi", "3Gi")
    assert "requests.memory 2 GiB is set by hand and takes the place of 6.7 GiB" in reasons_of(workload)
    assert workload.sizing is not None
    assert workload.sizing.total_bytes > 6 * GIB


def test_a_limit_of_the_user_leaves_the_request_at_the_estimate() -> None:
    workload = declared(hub(resources={"limits": {"memory": "20Gi"}}), gguf_facts(LARGE))
    request, limit = memory_of(workload)
    assert limit == "20Gi"
    assert bytes_of(request) < 7 * GIB


@pytest.mark.parametrize("name", ["requests", "limits"])
def test_nobody_takes_more_memory_than_the_profile_gives(name: str) -> None:
    finding = refused(hub(resources={name: {"memory": "25Gi"}}), gguf_facts(SMALL))
    assert finding.reason is Reason.DOES_NOT_FIT
    assert f"spec.resources.{name}.memory is 25 GiB" in finding.message
    assert "at most 24 GiB" in finding.message


def test_all_the_memory_of_the_profile_may_be_taken() -> None:
    amounts = {"requests": {"memory": "24Gi"}, "limits": {"memory": "24Gi"}}
    assert memory_of(declared(hub(resources=amounts), gguf_facts(SMALL))) == ("24Gi", "24Gi")


CPU = [
    ({}, ("4", "4"), 4),
    ({"limits": {"cpu": 2}}, ("2", "2"), 2),
    ({"limits": {"cpu": 6}}, ("6", "6"), 6),
    ({"requests": {"cpu": "500m"}}, ("500m", "4"), 4),
    ({"requests": {"cpu": 8}}, ("8", "8"), 8),
    ({"requests": {"cpu": 1}, "limits": {"cpu": "1500m"}}, ("1", "1500m"), 2),
    ({"threads": 3}, ("4", "4"), 3),
]


@pytest.mark.parametrize(("given", "amounts", "threads"), CPU)
def test_cpu_and_threads_follow_the_user_and_then_the_profile(
    given: Object, amounts: tuple[str, str], threads: int
) -> None:
    workload = declared(hub(resources=given), gguf_facts(SMALL))
    resources = engine_of(workload)["resources"]
    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == amounts
    assert flags_of(workload)["--threads"] == str(threads)


def test_threads_and_layers_set_by_hand_say_so() -> None:
    given = {"threads": 3, "gpuLayers": 7}
    workload = declared(hub(hardware={"profile": "cuda"}, resources=given), gguf_facts(LARGE))
    assert "threads 3 is set by hand and takes the place of 4" in reasons_of(workload)
    assert "gpuLayers 7 is set by hand" in reasons_of(workload)
    assert flags_of(workload)["--gpu-layers"] == "7"


def test_layers_for_a_profile_without_gpu_are_told_to_have_no_effect() -> None:
    workload = declared(hub(resources={"gpuLayers": 7}), gguf_facts(SMALL))
    assert flags_of(workload)["--gpu-layers"] == "0"
    assert "gpuLayers has no effect" in reasons_of(workload)


def test_a_model_that_nobody_can_size_is_refused_with_the_reason_and_the_way_out() -> None:
    finding = refused(hub(), UNSIZED)
    assert finding.reason is Reason.MODEL_UNSUPPORTED
    assert finding.message == WHY
    assert "give the sizes yourself in spec.resources" in finding.told


def test_a_model_that_nobody_can_size_is_still_the_one_that_was_accepted() -> None:
    workload = declared(hub(resources={"limits": {"memory": "8Gi"}}), UNSIZED)
    assert "--identity=etag:1" in fetch_of(workload)["args"]
    assert "ephemeral-storage" in engine_of(workload)["resources"]["requests"]


@pytest.mark.parametrize("name", ["requests", "limits"])
def test_a_model_that_nobody_can_size_is_served_with_the_memory_of_the_user(name: str) -> None:
    workload = declared(hub(resources={name: {"memory": "8Gi"}}), UNSIZED)
    assert memory_of(workload) == ("8Gi", "8Gi")
    assert workload.sizing is not None
    assert [(part.name, part.why) for part in workload.sizing.parts] == [("memory", "set by hand")]


def test_on_a_gpu_a_model_that_nobody_can_size_goes_there_as_a_whole() -> None:
    spec = hub(resources={"limits": {"memory": "8Gi"}}, hardware={"profile": "l4"})
    assert flags_of(declared(spec, UNSIZED))["--gpu-layers"] == "1000"
    assert "gpuLayers" not in reasons_of(declared(spec, UNSIZED))


def test_layers_by_hand_hold_for_a_model_that_nobody_can_size_too() -> None:
    spec = hub(resources={"limits": {"memory": "8Gi"}, "gpuLayers": 20}, hardware={"profile": "l4"})
    workload = declared(spec, UNSIZED)
    assert flags_of(workload)["--gpu-layers"] == "20"
    assert "gpuLayers 20 is set by hand" in reasons_of(workload)
    assert workload.sizing is not None
    assert workload.sizing.gpu_layers == 20


def test_a_cache_that_the_heads_do_not_fill_is_refused_in_words() -> None:
    heads_of_16 = SourceFacts("etag:1", (), model_of_shape(TINY, "F16"))
    finding = refused(hub(engine={"options": {"kvCacheType": "q8_0"}}), heads_of_16)
    assert finding.reason is Reason.INVALID_SPEC
    assert "do not fill blocks" in finding.message


def test_equal_arguments_have_equal_hashes_and_others_have_others() -> None:
    one, same, other = (
        declared(hub(**change), gguf_facts(SMALL)).arguments_hash
        for change in ({}, {"resources": {"storage": "30Gi"}}, {"context": 8192})
    )
    assert one == same != other


def test_the_contract_names_every_argument_of_llamacpp_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "engine-contract.md").read_text(encoding="utf-8")
    section = page.partition("## Arguments of llamacpp")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(--[a-z-]+)`", section.partition("|---|---|")[2]))
    off = {"flashAttention": False, "mapWeights": True, "chatTemplate": "{{ messages }}"}
    used = {
        flag
        for options in ({}, off)
        for flag in flags_of(declared(hub(engine={"options": options}), gguf_facts(SMALL)))
        if flag.startswith("--")
    }
    assert used == named
