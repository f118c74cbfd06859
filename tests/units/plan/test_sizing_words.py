"""A sizing says what it was made from, takes what was set by hand, and refuses what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.plan.sizing import BadLoad, Estimate, Load, Overrides, estimate
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_models import small
from tests.support.sized_models import LOAD, header_of, kind, of


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
        "process": "Python, its libraries and a vocabulary of 128,000",
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
