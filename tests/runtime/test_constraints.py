"""Constraints in the real engine: whatever a model with random weights writes, it keeps to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from plimsoll.runtime.constraints.factory import Constraints
from plimsoll.runtime.masks import allows
from plimsoll.runtime.requests import Constraint, Finish, Sampling
from tests.support.engines import Answer, RunningEngine, StartEngine, Wish
from tests.support.form import Form

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ship": {"type": "string", "maxLength": 12},
        "tons": {"type": "integer", "minimum": 1, "maximum": 9999},
        "ports": {"type": "array", "items": {"enum": ["Oslo", "부산", "Hull"]}, "minItems": 1, "maxItems": 3},
        "afloat": {"type": "boolean"},
    },
    "required": ["ship", "tons", "ports", "afloat"],
    "additionalProperties": False,
}
_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "moor", "parameters": _SCHEMA}},
    {"type": "function", "function": {"name": "sail", "parameters": {"type": "object", "additionalProperties": False}}},
]
Make = Callable[[Constraints], Awaitable[Constraint]]


@pytest.fixture
def engine(start_engine: StartEngine, tiny_model: Path) -> RunningEngine:
    return start_engine(tiny_model)


async def _made(engine: RunningEngine, make: Make, count: int) -> list[Constraint]:
    factory = Constraints(engine.model)
    try:
        return [await make(factory) for _ in range(count)]
    finally:
        await factory.close()


def _answers(engine: RunningEngine, make: Make, count: int, tokens: int = 400) -> list[Answer]:
    """To the same wish, all at once."""

    jobs = [
        engine.submit("ba", Wish(tokens, Sampling(temperature=1.5, seed=seed), constraint=each))
        for seed, each in enumerate(asyncio.run(_made(engine, make, count)))
    ]
    return [engine.answer(job) for job in jobs]


def test_every_answer_keeps_to_its_schema_and_ends_with_it(engine: RunningEngine, form: Form) -> None:
    for answer in _answers(engine, lambda each: each.json_schema(_SCHEMA), form.count(small=16, large=400)):
        assert answer.finish is Finish.STOP
        jsonschema.validate(json.loads(answer.text), _SCHEMA)


def test_a_call_names_a_function_and_gives_it_its_arguments(engine: RunningEngine) -> None:
    called = set()
    for answer in _answers(engine, lambda each: each.tool_call(_TOOLS, None), 16):
        call = json.loads(answer.text)
        called.add(call["name"])
        jsonschema.validate(call["arguments"], _SCHEMA if call["name"] == "moor" else {"maxProperties": 0})
    assert called == {"moor", "sail"}


def test_a_named_function_gets_only_its_arguments(engine: RunningEngine) -> None:
    (answer,) = _answers(engine, lambda each: each.tool_call(_TOOLS, "moor"), 1)
    jsonschema.validate(json.loads(answer.text), _SCHEMA)


def test_any_object_is_json_also_when_it_is_cut(engine: RunningEngine) -> None:
    for answer in _answers(engine, lambda each: each.json_object(), 8, tokens=60):
        assert answer.text.startswith("{")
        if answer.finish is Finish.STOP:
            assert isinstance(json.loads(answer.text), dict)
        else:
            assert answer.usage.completion_tokens == 60


def test_a_grammar_is_kept(engine: RunningEngine) -> None:
    grammar = r'root ::= "aye" [가-힣]{2} (" " digit){3}' + "\ndigit ::= [0-9]"
    for answer in _answers(engine, lambda each: each.grammar(grammar), 4):
        assert answer.text.startswith("aye")
        assert len(answer.text) == len("aye가나 1 2 3")
        assert answer.finish is Finish.STOP


def test_an_answer_of_one_of_two_words_ends_by_itself(engine: RunningEngine) -> None:
    texts = {answer.text for answer in _answers(engine, lambda each: each.grammar('root ::= "yes" | "no"'), 16)}
    assert texts == {"yes", "no"}


def test_a_control_token_is_never_a_part_of_an_answer_but_its_letters_may_be(engine: RunningEngine) -> None:
    (match,) = asyncio.run(_made(engine, lambda each: each.grammar("root ::= .+"), 1))
    mask = match.compute_mask()
    assert mask is not None
    begin, end = engine.model.bos_token, engine.model.eos_token
    assert not allows(mask, begin)
    assert not allows(mask, end)
    for token in engine.model.tokenize("x</s>", special=False, begin=False):
        assert match.accept(int(token))
    mask = match.compute_mask()
    assert mask is not None
    assert allows(mask, end)
