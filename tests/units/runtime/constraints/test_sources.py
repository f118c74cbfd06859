"""JSON schemas and calls of functions, as what may be written."""

from __future__ import annotations

import pytest

from plimsoll.runtime.constraints.sources import from_schema, from_tools
from tests.support.letters import END, admits, matching

_SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"$ref": "#/$defs/city"}},
                "required": ["city"],
                "additionalProperties": False,
                "$defs": {"city": {"enum": ["Oslo", "부산"]}},
            },
        },
    },
    {"type": "function", "function": {"name": "time"}},
]


@pytest.mark.parametrize("text", ['{"a":1}', '{"a": 1}', '{\n  "a": 1\n}'])
def test_an_object_of_the_schema_can_be_written_with_usual_blanks(text: str) -> None:
    assert admits(from_schema(_SCHEMA), text)


@pytest.mark.parametrize("text", ['{"a": "1"}', "{}", '{"a": 1, "b": 2}', '{"a": 1} ', "[]"])
def test_nothing_else_can_be_written(text: str) -> None:
    assert not admits(from_schema(_SCHEMA), text)


@pytest.mark.parametrize("text", ['{   "a":1}', '{\n\n\n"a":1}'])
def test_blanks_have_an_end(text: str) -> None:
    assert not admits(from_schema(_SCHEMA), text)


def test_the_schema_cannot_change_how_it_is_read() -> None:
    assert not admits(from_schema({**_SCHEMA, "x-guidance": {"whitespace_pattern": "[ ]*"}}), '{    "a":1}')


def test_arguments_of_a_named_function_are_written_alone() -> None:
    grammar = from_tools(_TOOLS, "weather")
    assert admits(grammar, '{"city": "부산"}')
    assert not admits(grammar, '{"city": "Rome"}')


def test_a_call_names_one_of_the_functions_and_keeps_to_its_schema() -> None:
    grammar = from_tools(_TOOLS, None)
    assert admits(grammar, '{"name": "weather", "arguments": {"city": "Oslo"}}')
    assert admits(grammar, '{"name": "time", "arguments": {"zone": 1}}')
    assert not admits(grammar, '{"name": "weather", "arguments": {"zone": 1}}')
    assert not admits(grammar, '{"name": "other", "arguments": {}}')


def test_an_answer_is_finished_with_its_last_brace() -> None:
    match = matching(from_schema(_SCHEMA))
    for byte in b'{"a": 1}':
        assert not match.finished
        assert match.accept(byte)
    assert match.finished


def test_the_end_of_the_text_is_accepted_only_where_the_answer_may_end() -> None:
    early, late = matching(from_schema(_SCHEMA)), matching(from_schema({"type": "integer"}))
    assert not early.accept(END)
    assert late.accept(ord("1"))
    assert late.accept(END)
