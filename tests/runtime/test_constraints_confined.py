"""Hostile schemas and grammars: each is answered within its bounds, in words, and the engine's process lives on."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plimsoll.runtime.constraints.errors import BadGrammar
from plimsoll.runtime.constraints.factory import Constraints
from plimsoll.runtime.constraints.matching import Matching
from tests.support.letters import Letters

Schema = dict[str, Any]


def _with_constraints(use: Callable[[Constraints], Awaitable[None]]) -> None:
    async def run() -> None:
        constraints = Constraints(Letters())
        constraints.start()
        try:
            await use(constraints)
        finally:
            await constraints.close()

    asyncio.run(run())


def _deep(levels: int) -> Schema:
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


_REFUSED: dict[str, Schema] = {
    "expressions that exclude each other for minutes": {
        "allOf": [{"type": "string", "pattern": f"a.{{{count}}}$"} for count in range(1, 40)]
    },
    "nested so deeply that it cannot be written": _deep(400),
    "nested too deeply for the library": _deep(100),
    "too large": {"enum": [f"value {number}" for number in range(100_000)]},
    "products of alternatives": {
        "allOf": [{"anyOf": [{"properties": {f"p{at}": {"const": value}}} for value in range(4)]} for at in range(12)]
    },
    "a reference to itself": {"$ref": "#"},
    "references in a circle": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "a number beyond all numbers": {"type": "integer", "minimum": -(10**30)},
}
_ACCEPTED: dict[str, Schema] = {
    "a billion letters": {"type": "string", "minLength": 10**8, "maxLength": 10**9},
    "ten million things": {"type": "array", "items": {"type": "string"}, "minItems": 10**7},
    "repetitions of repetitions": {"type": "string", "pattern": "^((a{1,1000}){1,1000}){1,1000}$"},
    "an expression with many states": {"type": "string", "pattern": "^(.*a.{30})$"},
    "references that double": {
        "$ref": "#/$defs/a0",
        "$defs": {
            **{f"a{at}": {"properties": {k: {"$ref": f"#/$defs/a{at + 1}"} for k in "xyz"}} for at in range(40)},
            "a40": {"type": "string"},
        },
    },
}


@pytest.mark.parametrize("name", _REFUSED)
def test_a_hostile_schema_is_refused_in_words_and_the_next_one_works(name: str) -> None:
    async def use(constraints: Constraints) -> None:
        with pytest.raises(BadGrammar) as caught:
            await constraints.json_schema(_REFUSED[name])
        assert caught.value.message.startswith("the JSON schema ")
        await constraints.json_object()

    _with_constraints(use)


@pytest.mark.parametrize("name", _ACCEPTED)
def test_a_large_schema_stays_within_its_bounds_token_by_token(name: str) -> None:
    async def use(constraints: Constraints) -> None:
        await _write_at_random(await constraints.json_schema(_ACCEPTED[name]))

    _with_constraints(use)


def test_a_grammar_that_ends_the_library_ends_only_the_process_that_tries() -> None:
    rules = [f'r{at} ::= "k{at}" r{(at + 1) % 3000}?' for at in range(3000)]
    grammar = "\n".join(["root ::= " + " | ".join(f"r{at}" for at in range(3000)), *rules])

    async def use(constraints: Constraints) -> None:
        with pytest.raises(BadGrammar, match="too expensive"):
            await constraints.grammar(grammar)
        await constraints.grammar('root ::= "yes" | "no"')

    _with_constraints(use)


def test_grammars_are_tried_on_a_smaller_stack_than_they_are_built_on() -> None:
    async def use(constraints: Constraints) -> None:
        await constraints.json_object()
        assert _stack_of(constraints) * 2 <= _stack_of_threads()

    _with_constraints(use)


def test_a_hostile_function_among_tools_is_refused() -> None:
    hostile = _REFUSED["expressions that exclude each other for minutes"]
    tools: list[Schema] = [{"function": {"name": "good"}}, {"function": {"name": "bad", "parameters": hostile}}]

    async def use(constraints: Constraints) -> None:
        with pytest.raises(BadGrammar, match="the schema of the tools"):
            await constraints.tool_call(tools, None)
        await constraints.tool_call(tools, "good")

    _with_constraints(use)


def test_two_answers_to_one_schema_do_not_disturb_each_other() -> None:
    async def use(constraints: Constraints) -> None:
        one, other = [await constraints.json_schema({"type": "integer"}) for _ in range(2)]
        assert one.accept(ord("1"))
        assert not other.accept(ord("x"))
        assert one.accept(ord("2"))

    _with_constraints(use)


def _stack_of(constraints: Constraints) -> int:
    task = constraints._process._child
    assert task is not None
    lines = Path(f"/proc/{task.result().pid}/limits").read_text().splitlines()
    return next(int(line.split()[3]) for line in lines if line.startswith("Max stack size"))


def _stack_of_threads() -> int:
    """What a thread gets where nothing else is said: the limit of the process, or 2 MiB where it has none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return 2 << 20 if soft == resource.RLIM_INFINITY else soft


async def _write_at_random(match: Matching) -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        mask = match.compute_mask()
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        assert match.accept(int(chance.choice(allowed)))
        if match.finished:
            return
