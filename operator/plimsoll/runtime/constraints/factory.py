"""Makes constraints: what a client sent is tried in a confined process, then built for the words of the model."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from llguidance import LLMatcher

from plimsoll.runtime.confined.bounds import Bounds
from plimsoll.runtime.confined.process import Confined, Exceeded, Refused
from plimsoll.runtime.constraints.errors import BadGrammar
from plimsoll.runtime.constraints.limits import LARGEST_SOURCE, parser_limits
from plimsoll.runtime.constraints.matching import Matching
from plimsoll.runtime.constraints.vocabulary import Vocabulary, tokenizer_of

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
# The stack is smaller than that of any thread here, the time shorter than a client notices.
_BOUNDS = Bounds(memory=512 << 20, stack=1 << 20)
_REMEMBERED = 64


class Constraints:
    """Made once for a model, in a thread: its words take about a second. Later calls are for one event loop."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._n_vocab = vocabulary.n_vocab
        self._tokenizer = tokenizer_of(vocabulary)
        self._process = Confined("plimsoll.runtime.constraints.child", b"", _BOUNDS)
        self._accepted: OrderedDict[bytes, str] = OrderedDict()

    def start(self) -> None:
        """Begins to warm the process up that tries grammars."""
        self._process.start()

    async def close(self) -> None:
        await self._process.close()

    async def json_object(self) -> Matching:
        return await self.json_schema(_ANY_OBJECT)

    async def json_schema(self, schema: Mapping[str, Any]) -> Matching:
        return await self._made({"schema": schema}, "JSON schema")

    async def grammar(self, gbnf: str) -> Matching:
        return await self._made({"gbnf": gbnf}, "grammar")

    async def tool_call(self, tools: Sequence[Mapping[str, Any]], name: str | None) -> Matching:
        """The arguments of the named function; without a name `{"name": …, "arguments": …}` of one of them."""
        return await self._made({"tools": tools, "name": name}, "schema of the tools")

    async def _made(self, source: Mapping[str, Any], what: str) -> Matching:
        written = _written(source, what)
        if len(written) > LARGEST_SOURCE:
            raise BadGrammar(f"the {what} has more than {LARGEST_SOURCE} bytes", fix="Send a smaller one.")
        grammar = self._accepted.get(written) or await self._tried(written, what)
        self._accepted[written] = grammar
        self._accepted.move_to_end(written)
        if len(self._accepted) > _REMEMBERED:
            self._accepted.popitem(last=False)
        matcher = await asyncio.to_thread(self._built, grammar)
        if matcher.is_error():
            raise BadGrammar(f"the {what} is too large for this model", fix="Send a smaller one.")
        return Matching(matcher, self._n_vocab)

    async def _tried(self, written: bytes, what: str) -> str:
        try:
            return (await self._process.ask(written)).decode()
        except Refused as refused:
            raise BadGrammar(f"the {what} cannot be used: {refused}", fix=f"Change the {what}.") from None
        except Exceeded as exceeded:
            raise BadGrammar(
                f"the {what} is too expensive: when it was tried, {exceeded}", fix="Send a simpler one."
            ) from None

    def _built(self, grammar: str) -> LLMatcher:
        return LLMatcher(self._tokenizer, grammar, log_level=0, limits=parser_limits())


def _written(source: Mapping[str, Any], what: str) -> bytes:
    try:
        return orjson.dumps(source)
    except orjson.JSONEncodeError as error:
        raise BadGrammar(f"the {what} cannot be used: {error}", fix="Nest it less deeply.") from None
