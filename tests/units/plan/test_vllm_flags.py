"""What the vllm planner writes against the argument parser of the pinned vLLM, read from its source."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from plimsoll.api.engine import OPTIONS, EngineOptions
from plimsoll.plan.revision import Workload
from tests.support import vllm_source
from tests.support.model_configs import base
from tests.support.rendering import declared, engine_of, safetensors_facts
from tools.sdists import Unreachable

Object = dict[str, Any]

# Two values for each option.
VALUES: dict[str, tuple[Any, Any]] = {
    "kvCacheType": ("auto", "fp8"),
    "dtype": ("float16", "bfloat16"),
    "quantization": ("awq", "fp8"),
    "gpuMemoryPercent": (80, 85),
    "batchSize": (1024, 2048),
    "prefixCaching": (True, False),
    "eager": (True, False),
}


@pytest.fixture(scope="module", autouse=True)
def source() -> None:
    try:
        vllm_source.source()
    except Unreachable as error:
        pytest.skip(str(error))


def workload(options: Object, **more: Any) -> Workload:
    spec = {**base("vllm"), "hardware": {"profile": "a100", "count": 2}, **more}
    spec["engine"] = {"name": "vllm", "options": options}
    return declared(spec, safetensors_facts())


def arguments(options: Object) -> list[str]:
    found: list[str] = engine_of(workload(options))["args"]
    return found


def test_every_option_of_vllm_has_two_values_here() -> None:
    assert set(VALUES) == set(OPTIONS["vllm"])


@pytest.mark.parametrize("at", [0, 1])
def test_every_flag_is_one_that_vllm_has(at: int) -> None:
    known = vllm_source.flags()
    model, *flags = arguments({option: values[at] for option, values in VALUES.items()})
    assert model == "/models"
    for flag in flags:
        name, _, value = flag.partition("=")
        positive = name.replace("--no-", "--", 1)
        assert positive in known, name
        assert bool(value) != known[positive], f"{name} takes {'no ' if known[positive] else 'a '}value"


@pytest.mark.parametrize("option", VALUES)
def test_every_option_reaches_a_flag(option: str) -> None:
    one, other = (arguments({option: value}) for value in VALUES[option])
    assert one != other


@pytest.mark.parametrize(
    ("option", "name", "file"),
    [
        ("kv_cache_type", "CacheDType", "vllm/config/cache.py"),
        ("dtype", "ModelDType", "vllm/config/model.py"),
        ("quantization", "QuantizationMethods", "vllm/model_executor/layers/quantization/__init__.py"),
    ],
)
def test_every_value_that_a_user_may_choose_is_one_that_vllm_knows(option: str, name: str, file: str) -> None:
    offered = {value for each in get_args(EngineOptions.model_fields[option].annotation) for value in get_args(each)}
    if option == "kv_cache_type":
        offered -= {"f16", "q8_0", "q4_0"}  # of llamacpp
    assert offered
    assert offered <= vllm_source.choices(name, file)


def test_no_combination_of_switches_says_two_things_at_once() -> None:
    for prefix_caching, eager in product((True, False, None), repeat=2):
        given = {"prefixCaching": prefix_caching, "eager": eager}
        flags = arguments({key: value for key, value in given.items() if value is not None})
        positive = [flag.replace("--no-", "--", 1).partition("=")[0] for flag in flags]
        assert len(positive) == len(set(positive))
