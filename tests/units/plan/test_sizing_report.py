"""What a Job learns of a model reaches the operator in one short text, and nothing else passes for it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from plimsoll.plan.gguf import Header, parse
from plimsoll.plan.sizing import Load, estimate
from plimsoll.plan.sizing_cache import Cache
from plimsoll.plan.sizing_model import Layer, Model, Weights, model_of
from plimsoll.plan.sizing_report import LONGEST_REPORT, BadReport, model_from, report
from tests.support import gguf_maker as maker
from tests.support.form import Form
from tests.support.gguf_maker import Made
from tests.support.gguf_models import MODELS, small


def sized(made: Made) -> Model:
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_comes_back_as_it_was(kind: str) -> None:
    model = sized(MODELS[kind]())
    assert model_from(report(model)) == model


def test_the_largest_usual_model_takes_a_fraction_of_a_termination_message() -> None:
    model = sized(maker.model(maker.LLAMA_70B))
    text = report(model)
    assert len(text) < LONGEST_REPORT // 3
    assert model_from(text) == model


def test_layers_that_all_differ_are_told_as_the_heaviest_so_that_it_is_never_too_little() -> None:
    layers = tuple(Layer(Weights(10**9 + number, number, 0), Cache(8, 128, 128)) for number in range(512))
    model = replace(sized(small()), layers=layers)
    text = report(model)
    assert len(text.encode()) <= LONGEST_REPORT
    told, load = model_from(text), Load(context=4096, mapped=True)
    assert {layer.weights for layer in told.layers} == {Weights(10**9 + 511, 511, 0)}
    assert estimate(told, load).total >= estimate(model, load).total


def test_a_long_name_is_cut() -> None:
    assert model_from(report(replace(sized(small()), name="모" * 200))).name == "모" * 64


def test_facts_that_cannot_be_told_in_so_many_bytes_are_refused() -> None:
    layers = tuple(Layer(Weights(), Cache(number, 128, 128)) for number in range(512))
    with pytest.raises(BadReport, match="4096"):
        report(replace(sized(small()), layers=layers))


DAMAGES: dict[str, object] = {
    "kinds": [[1, 2]], "order": [[9, 1]], "notes": "text", "name": 5, "fileType": None, "heads": -1, "widest": 1.5,
    "vocabulary": True, "inputs": [1, 2], "outputs": "abc", "parameters": 1 << 63, "architecture": "a\nb",
}  # fmt: skip


@pytest.mark.parametrize("key", DAMAGES)
def test_a_report_with_another_kind_of_value_is_refused(key: str) -> None:
    facts = json.loads(report(sized(small())))
    for damaged in ({**facts, key: DAMAGES[key]}, {name: facts[name] for name in facts.keys() - {key}}):
        with pytest.raises(BadReport) as caught:
            model_from(json.dumps(damaged))
        assert caught.value.fix


@pytest.mark.parametrize(
    "order", [[], [[0, 0]], [[0, 513]], [[0, 512], [0, 1]], [[0]], [[-1, 1]], [[0, 1 << 62]]], ids=str
)
def test_an_order_of_layers_that_cannot_be_is_refused(order: list[list[int]]) -> None:
    facts = json.loads(report(sized(small())))
    with pytest.raises(BadReport):
        model_from(json.dumps({**facts, "order": order}))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "x" * 4097, "[" * 4000, "\ud800"], ids=lambda text: text[:5])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(BadReport):
        model_from(text)


def test_a_report_is_read_up_to_its_longest_and_no_further() -> None:
    text = report(sized(small()))
    assert model_from(text.ljust(LONGEST_REPORT)) == model_from(text)
    with pytest.raises(BadReport, match="longer"):
        model_from(text.ljust(LONGEST_REPORT + 1))
    with pytest.raises(BadReport, match="longer"):
        model_from(text.ljust(LONGEST_REPORT - 10) + "모" * 5)


@pytest.mark.parametrize(("length", "kept"), [(400, True), (401, False)])
def test_a_text_has_an_end(length: int, kept: bool) -> None:
    facts = {**json.loads(report(sized(small()))), "name": "n" * length}
    if kept:
        assert model_from(json.dumps(facts)).name == "n" * length
        return
    with pytest.raises(BadReport, match="too long"):
        model_from(json.dumps(facts))


def test_a_damaged_report_is_read_or_refused_and_nothing_else(form: Form) -> None:
    text, rng = report(sized(MODELS["hybrid"]())), random.Random(form.seed)
    refused = 0
    for _ in range(form.count(small=300, large=100_000)):
        at = rng.randrange(len(text))
        damaged = text[:at] + rng.choice('0159-.,:[]{}"ntx \\') + text[at + rng.randint(0, 3) :]
        try:
            model_from(damaged)
        except BadReport:
            refused += 1
    assert refused > 0
