"""What is said of grammars that cannot be used."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plimsoll.runtime.confined.child import Refusal
from plimsoll.runtime.constraints.child import in_words, prepare

_try = prepare(b"")


def _refused(told: Any) -> str:
    with pytest.raises(Refusal) as caught:
        _try(json.dumps(told).encode())
    return str(caught.value)


def test_a_grammar_that_can_be_used_comes_back_as_the_engine_builds_it() -> None:
    assert json.loads(_try(b'{"schema": {"type": "integer"}}'))["grammars"]


def test_a_schema_that_nothing_fulfils_is_refused() -> None:
    assert "nothing fulfils it" in _refused({"schema": {"$ref": "#"}})


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"schema": {"type": "thing"}}, "thing"),
        ({"schema": {"type": "string", "pattern": "("}}, "regex"),
        ({"schema": {"type": "string", "pattern": "(?=a)"}}, "look-ahead"),
        ({"schema": {"not": {"type": "string"}}}, "not"),
        ({"gbnf": "root ::= a"}, "'a' not found"),
        ({"gbnf": 'a ::= "b"'}, "root"),
        ({"gbnf": "root ::= (("}, "Expected ')'"),
        ({"gbnf": "root ::= " + "(" * 3000 + '"a"' + ")" * 3000}, "nested too deeply"),
        ({"tools": [{"function": {"name": "f", "parameters": {"type": "thing"}}}], "name": None}, "thing"),
    ],
)
def test_a_mistake_is_named(told: Any, words: str) -> None:
    assert words in _refused(told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("NoExtensionBias\n<state>\nTokens: many\n", "nothing fulfils it"),
        ("panic: assertion failed: len() < 9\n<backtrace>\n 0: <unknown>\n", "it is too large"),
        ("at 1(2):  lexer\n error", "at 1(2): lexer error"),
    ],
)
def test_no_state_and_no_backtrace_of_the_library_is_told(said: str, told: str) -> None:
    assert in_words(said) == told


def test_a_long_message_is_cut() -> None:
    assert len(in_words("x" * 10_000)) < 500
