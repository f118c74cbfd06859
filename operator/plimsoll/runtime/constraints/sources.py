"""From what clients send to what llguidance reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llguidance import LLMatcher
from llguidance.gbnf_to_lark import gbnf_to_lark

from plimsoll.runtime.constraints.gbnf import plain

# Without a bound a model that is unsure writes blanks until its tokens are used up. llama.cpp has the same one.
_SPACE = r" |\n{1,2}[ \t]{0,20}"
_STYLE = {"whitespace_pattern": _SPACE}
_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


def from_schema(schema: Mapping[str, Any]) -> str:
    made: str = LLMatcher.grammar_from_json_schema(json.dumps(_styled(schema)))
    return made


def from_gbnf(text: str) -> str:
    made: str = LLMatcher.grammar_from_lark(gbnf_to_lark(plain(text)))
    return made


def from_tools(tools: Sequence[Mapping[str, Any]], name: str | None) -> str:
    """With a name only the arguments of that function; else a call of one of them, as `call_text` begins it."""
    functions = [tool["function"] for tool in tools]
    if name is not None:
        (chosen,) = (each for each in functions if each["name"] == name)
        return from_schema(_parameters(chosen))
    # Each schema is a document of its own, so that what it refers to is found.
    calls = [
        f"{json.dumps(call_text(each['name']))} arguments_{at} {json.dumps('}')}" for at, each in enumerate(functions)
    ]
    rules = [f"arguments_{at}: %json {json.dumps(_styled(_parameters(each)))}" for at, each in enumerate(functions)]
    made: str = LLMatcher.grammar_from_lark("\n".join([f"start: {' | '.join(calls)}", *rules]))
    return made


def call_text(name: str) -> str:
    """What stands before the arguments of a call. After them comes one brace."""
    return f'{{"name": {json.dumps(name)}, "arguments": '


def _parameters(function: Mapping[str, Any]) -> Mapping[str, Any]:
    return function.get("parameters") or _ANY_OBJECT


def _styled(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**schema, "x-guidance": _STYLE}
