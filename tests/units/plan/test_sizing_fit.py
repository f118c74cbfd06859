"""What cannot fit is refused with its numbers, and with the context that would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.sizing import Load, Overrides, estimate
from plimsoll.plan.sizing_fit import DoesNotFit, fit, largest_context
from plimsoll.plan.sizing_model import Model, model_of
from plimsoll.plan.sizing_words import comparison, in_bytes
from tests.support import gguf_maker as maker

GIB = 1 << 30


@pytest.fixture(scope="module")
def model() -> Model:
    made = maker.model(maker.LLAMA_7B)
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


def test_what_fits_is_returned_as_estimated(model: Model) -> None:
    load = Load(context=4096)
    assert fit(model, load, 8 * GIB) == estimate(model, load)
    assert fit(model, load, estimate(model, load).total) == estimate(model, load)


def test_what_does_not_fit_is_told_with_every_part_and_the_limit(model: Model) -> None:
    with pytest.raises(DoesNotFit) as caught:
        fit(model, Load(context=8192), 6 * GIB)
    error = caught.value
    assert error.message == (
        "weights 3.8 + KV 4.0 + compute 0.1 + outputs 0.0 + process 0.1 + margin 0.9 = 8.9 GiB > limit 6.0 GiB;"
        " context 2560 would fit"
    )
    assert error.fix == "set context to 2560 or less, or set resources.limits.memory to 9119Mi or more"
    assert error.context == 2560
    assert error.estimate == estimate(model, Load(context=8192))


@pytest.mark.parametrize("limit", [6 * GIB, 7 * GIB, 14 * GIB, 39 * GIB])
@pytest.mark.parametrize("parallel", [1, 3])
def test_the_context_that_is_named_is_the_largest_that_fits(model: Model, limit: int, parallel: int) -> None:
    load = Load(context=100_000, parallel=parallel)
    context = largest_context(model, load, limit)
    assert context is not None
    assert estimate(model, replace(load, context=context)).total <= limit
    assert estimate(model, replace(load, context=context + 1)).total > limit


def test_a_context_that_fits_to_the_byte_fits(model: Model) -> None:
    exact = estimate(model, Load(context=2560)).total
    assert largest_context(model, Load(context=8192), exact) == 2560
    assert largest_context(model, Load(context=8192), exact - 1) == 2304


def test_a_limit_below_the_weights_names_no_context(model: Model) -> None:
    with pytest.raises(DoesNotFit, match="no context would fit") as caught:
        fit(model, Load(context=4096), 2 * GIB)
    assert caught.value.context is None
    assert caught.value.fix == "set resources.limits.memory to 6862Mi or more"


def test_the_memory_that_is_named_would_fit(model: Model) -> None:
    assert fit(model, Load(context=8192), 9119 << 20).total > 9118 << 20
    with pytest.raises(DoesNotFit):
        fit(model, Load(context=8192), 9118 << 20)


def test_an_override_can_make_it_fit(model: Model) -> None:
    assert fit(model, Load(context=8192), 6 * GIB, Overrides(kv=GIB)).size("KV") == GIB


def test_layers_on_a_gpu_do_not_count_against_the_pod(model: Model) -> None:
    assert fit(model, Load(context=8192), GIB, gpu_layers=33).size("KV") == 0


def test_a_difference_too_small_for_one_digit_is_shown_with_more() -> None:
    assert comparison([("weights", 6 * GIB + (20 << 20))], 6 * GIB) == "weights 6.02 = 6.02 GiB > limit 6.00 GiB"
    assert comparison([("weights", 1)], 1) == "weights 1.000000000 = 1.000000000 B ≤ limit 1.000000000 B"


def test_sizes_in_words() -> None:
    assert [in_bytes(size) for size in (5, 2048, 48 << 20, GIB)] == ["5 B", "2 KiB", "48 MiB", "1 GiB"]
    assert in_bytes(int(4.1 * GIB)) == "4.1 GiB"
