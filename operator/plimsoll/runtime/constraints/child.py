"""The confined process that tries grammars first: `python -m plimsoll.runtime.constraints.child`.

llguidance has limits of its own, but some grammars end the process that reads them, and some take minutes. What passes
here has been built and asked for its first token, on a smaller stack than any thread of the engine has.
"""

from __future__ import annotations

import json

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from plimsoll.runtime.confined.child import Handle, Refusal, serve
from plimsoll.runtime.constraints.limits import parser_limits
from plimsoll.runtime.constraints.sources import from_gbnf, from_schema, from_tools

_LONGEST_MESSAGE = 400


class _Letters:
    """A vocabulary of bytes: whether a grammar can be built does not depend on the words of a model."""

    tokens = (*(bytes([each]) for each in range(256)), b"\xffend")
    special_token_ids = (256,)
    eos_token_id = 256
    bos_token_id = None

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


def prepare(_setup: bytes) -> Handle:
    tokenizer = LLTokenizer(TokenizerWrapper(_Letters()))
    return lambda question: _tried(tokenizer, question)


def _tried(tokenizer: LLTokenizer, question: bytes) -> bytes:
    told = json.loads(question)
    try:
        grammar = _grammar(told)
    except RecursionError:
        raise Refusal("it is nested too deeply") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the converter raises whatever it meets
        raise Refusal(in_words(str(error))) from None
    matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=parser_limits())
    if not matcher.is_error():
        matcher.compute_bitmask()
    if matcher.is_error():
        raise Refusal(in_words(matcher.get_error()))
    return grammar.encode()


def _grammar(told: dict[str, object]) -> str:
    match told:
        case {"schema": dict(schema)}:
            return from_schema(schema)
        case {"gbnf": str(text)}:
            return from_gbnf(text)
        case {"tools": list(tools), "name": str() | None as name}:
            return from_tools(tools, name)
    raise ValueError("an unknown kind of grammar")


def in_words(message: str) -> str:
    """Without the library's state and backtraces, which say nothing to who wrote the grammar."""
    for begin in ("<state>", "<backtrace>"):
        message = message.partition(begin)[0]
    text = " ".join(message.split())
    text = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " …"
    if text.startswith("panic:"):
        return "it is too large"
    return "nothing fulfils it" if text.startswith("NoExtension") else text


if __name__ == "__main__":
    serve(prepare)
