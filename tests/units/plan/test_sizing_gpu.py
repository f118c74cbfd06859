"""As many layers as the GPUs hold; what they hold is no longer in the pod."""

from __future__ import annotations

import pytest

from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.sizing import Load, Overrides, estimate
from plimsoll.plan.sizing_gpu import offload
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Shape

GIB = 1 << 30
LOAD = Load(context=4096)


def model_for(shape: Shape) -> Model:
    made = maker.model(shape)
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


@pytest.fixture(scope="module")
def small() -> Model:
    return model_for(maker.LLAMA_7B)


@pytest.fixture(scope="module")
def large() -> Model:
    return model_for(maker.LLAMA_70B)


def test_a_model_that_fits_is_held_whole(small: Model) -> None:
    found = offload(small, LOAD, 24 * GIB)
    assert (found.layers, found.whole, len(found.gpus)) == (33, True, 1)
    assert found.gpus[0].size("weights") == small.weights.size - small.inputs.size
    assert found.gpus[0].size("KV") == estimate(small, LOAD).size("KV")
    assert found.gpus[0].total <= 24 * GIB


def test_what_the_gpu_holds_is_not_in_the_pod(small: Model) -> None:
    pod = estimate(small, LOAD, gpu_layers=33)
    assert pod.size("weights") == small.inputs.size
    assert (pod.size("KV"), pod.size("repack")) == (0, 0)
    assert "on the GPU" in pod.parts[0].reason


@pytest.mark.parametrize("memory", [2, 3, 5, 6])
def test_a_model_that_does_not_fit_is_held_in_part(small: Model, memory: int) -> None:
    found = offload(small, LOAD, memory * GIB)
    assert 0 < found.layers < 33
    assert not found.whole
    assert found.gpus[0].total <= memory * GIB
    pod = estimate(small, LOAD, gpu_layers=found.layers)
    held = found.gpus[0].size("weights") + pod.size("weights")
    assert held == small.weights.size
    assert found.gpus[0].size("KV") + pod.size("KV") == estimate(small, LOAD).size("KV")


def test_one_layer_more_would_not_fit(small: Model) -> None:
    found = offload(small, LOAD, 5 * GIB)
    limit = found.gpus[0].total
    assert offload(small, LOAD, limit).layers == found.layers
    assert offload(small, LOAD, limit - 1).layers == found.layers - 1


def test_all_layers_without_the_output_are_not_the_whole_model(small: Model) -> None:
    whole = offload(small, LOAD, 24 * GIB).gpus[0].total
    found = offload(small, LOAD, whole - 1)
    assert (found.layers, found.whole) == (32, False)


def test_a_gpu_without_room_holds_nothing(small: Model) -> None:
    assert offload(small, LOAD, GIB // 2) == offload(small, LOAD, 24 * GIB, gpus=0)
    assert offload(small, LOAD, GIB // 2).layers == 0


def test_several_gpus_share_the_layers_in_their_order(large: Model) -> None:
    one, two = offload(large, LOAD, 30 * GIB), offload(large, LOAD, 30 * GIB, gpus=2)
    assert not one.whole
    assert (two.layers, two.whole, len(two.gpus)) == (81, True, 2)
    assert sum(gpu.size("weights") for gpu in two.gpus) == large.weights.size - large.inputs.size
    assert [gpu.parts[0].reason for gpu in two.gpus] == ["41 of 80 layers", "39 of 80 layers and the output"]
    assert all(gpu.total <= 30 * GIB for gpu in two.gpus)


def test_more_gpus_than_layers_leave_some_unused(small: Model) -> None:
    assert len(offload(small, LOAD, 24 * GIB, gpus=64).gpus) == 33


def test_a_shared_token_table_is_copied_to_the_gpu() -> None:
    model = model_for(Shape(2, 256, 512, 4, 4, vocabulary=1000, tied=True))
    found = offload(model, LOAD, 24 * GIB)
    assert found.gpus[0].size("weights") == model.weights.size - model.inputs.size + model.tied.size
    assert estimate(model, LOAD, gpu_layers=found.layers).size("weights") == model.inputs.size


def test_what_is_assumed_of_gpus_is_said_and_can_be_set_by_hand(small: Model) -> None:
    found = offload(small, LOAD, 24 * GIB)
    assert "assumption" in found.gpus[0].notes[-1]
    less = offload(small, LOAD, 24 * GIB, gpu_overrides=Overrides(process=0, margin=0))
    assert less.gpus[0].size("process") == less.gpus[0].size("margin") == 0
