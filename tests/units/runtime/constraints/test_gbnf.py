"""GBNF as llama.cpp reads it, though another library compiles it."""

from __future__ import annotations

import pytest

from plimsoll.runtime.constraints.gbnf import Unsupported
from tests.support.letters import admits, gbnf


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (r'root ::= "\x41\u00e9" [\u0041-\u005A]', "AéB"),
        (r'root ::= "\u2028" [\u2028-\u2029] "\x85\U0001F600"', "\u2028\u2029\x85😀"),
        ('root ::= . "."', "\n."),
        ('root ::= "." # a "comment" with . and <this>\n', "."),
        (r'root ::= "[" [\x5b] [^\u005d] [a\x2dz]', "[[-z"),
        (r'root ::= [^\r\n\x0b\u0085\u2028]+ "\n"', "ab\n"),
        (r'root ::= [가-힣]+ "/" [/]', "한국//"),
        ('root ::= "a"{2,3} b?\nb ::= "b"', "aaab"),
        (r'root ::= "\"" [^"\\]* "\"" ', '"a b"'),
    ],
)
def test_what_a_grammar_describes_can_be_written(grammar: str, text: str) -> None:
    assert admits(gbnf(grammar), text)


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (r'root ::= "\x41"', "B"),
        ('root ::= "a.c"', "abc"),
        (r"root ::= [^\u005d]", "]"),
        (r"root ::= [a\x2dz]", "m"),
        ('root ::= "a"{2,3}', "a"),
    ],
)
def test_nothing_else_can_be_written(grammar: str, text: str) -> None:
    assert not admits(gbnf(grammar), text)


@pytest.mark.parametrize("grammar", ['root ::= <think> "a"', "root ::= !<[42]>", r'root ::= "\ud800"'])
def test_what_is_not_supported_is_refused(grammar: str) -> None:
    with pytest.raises(Unsupported):
        gbnf(grammar)
