"""vllm: what it asks of its node and how it is started, and what is assumed about it."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import SourceFacts, SourceFile
from tests.support.model_configs import base, merged
from tests.support.rendering import declared, engine_of, memory_of, reasons_of, refused, safetensors_facts

Object = dict[str, Any]
GIB = 1 << 30


def on_vllm(**change: Any) -> Object:
    spec: Object = merged({**base("vllm"), "hardware": {"profile": "a100"}}, change)
    return spec


def test_vllm_is_started_on_its_folder_with_a_flag_for_each_decision() -> None:
    spec = on_vllm(hardware={"count": 2}, context=16384, parallel=16, engine={"options": {"gpuMemoryPercent": 85}})
    container = engine_of(declared(spec, safetensors_facts()))
    assert container["command"] == ["vllm", "serve"]
    assert container["args"] == [
        "/models",
        "--served-model-name=chat",
        "--host=0.0.0.0",
        "--port=8080",
        "--max-model-len=16384",
        "--max-num-seqs=16",
        "--tensor-parallel-size=2",
        "--gpu-memory-utilization=0.85",
        "--kv-cache-dtype=auto",
        "--dtype=auto",
        "--enable-prefix-caching",
        "--no-enforce-eager",
    ]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_vllm_is_probed_where_it_answers() -> None:
    container = engine_of(declared(on_vllm(), safetensors_facts()))
    assert container["startupProbe"]["httpGet"]["path"] == "/health"
    assert engine_of(declared(base("hub")))["startupProbe"]["httpGet"]["path"] == "/ready"


def test_vllm_reads_from_the_folder_on_a_claim() -> None:
    spec = {**on_vllm(), "source": {"pvc": {"claimName": "weights", "path": "llama/8b"}}}
    assert engine_of(declared(spec, safetensors_facts()))["args"][0] == "/models/llama/8b"


def test_vllms_workers_speak_through_shared_memory_of_their_own() -> None:
    workload = declared(on_vllm(), safetensors_facts())
    volume = next(each for each in workload.template["spec"]["volumes"] if each["name"] == "plimsoll-shm")
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert {"name": "plimsoll-shm", "mountPath": "/dev/shm"} in engine_of(workload)["volumeMounts"]


def test_what_is_assumed_about_vllm_is_called_so_and_ends_no_pod() -> None:
    workload = declared(on_vllm(hardware={"count": 2}), safetensors_facts())
    assert memory_of(workload) == ("14Gi", None)
    assert "assumed, not measured" in reasons_of(workload)
    assert workload.sizing is not None
    assert workload.sizing.gpu_layers is None


def test_vllm_needs_a_profile_with_gpus() -> None:
    finding = refused(base("vllm"), safetensors_facts())
    assert finding.reason is Reason.PROFILE_UNSUITABLE
    assert "cpu" in finding.message


def test_weights_that_are_larger_than_the_gpus_are_refused_with_the_numbers() -> None:
    finding = refused(on_vllm(hardware={"profile": "l4"}), safetensors_facts(28 * GIB))
    assert finding.reason is Reason.DOES_NOT_FIT
    assert "weights 28 GiB > 20.7 GiB, which is 90 % of 1 x 23 GiB" in finding.message


@pytest.mark.parametrize(
    ("files", "options"),
    [
        # The same weights in the format of somebody else's loader.
        ((SourceFile("consolidated.safetensors", 28 * GIB),), {}),
        ((SourceFile("original/model.safetensors", 28 * GIB),), {}),
        ((SourceFile("model.safetensors", 28 * GIB),), {"quantization": "fp8"}),
    ],
)
def test_what_vllm_might_still_fit_is_left_to_vllm(files: tuple[SourceFile, ...], options: Object) -> None:
    spec = on_vllm(hardware={"profile": "l4"}, engine={"options": options})
    assert declared(spec, SourceFacts("commit:1", files)).on_gpu


def test_equal_arguments_have_equal_hashes_and_others_have_others() -> None:
    one, same, other = (
        declared(on_vllm(**change), safetensors_facts()).arguments_hash
        for change in ({}, {"resources": {"storage": "30Gi"}}, {"context": 8192})
    )
    assert one == same != other
