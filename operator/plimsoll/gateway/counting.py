"""How many tokens an attempt took, and whose word that is."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plimsoll.cost.record import CountSource, Tokens
from plimsoll.gateway.backends.usage import tokens_of
from plimsoll.gateway.call import Call
from plimsoll.gateway.events import Seen

# Where nobody tells how many tokens it were: most texts have about one for every four bytes.
_BYTES_OF_A_TOKEN = 4


class Count(Struct, frozen=True):
    tokens: Tokens
    source: CountSource
    # In words, where what was told cannot be right.
    mismatch: str | None = None


NOTHING = Count(Tokens(), CountSource.NONE)


class Whole(Struct):
    """Of an answer in one piece, all that we have to know."""

    usage: Any = None


whole_answers = msgspec.json.Decoder(Whole)


def of_stream(seen: Seen, call: Call, prompt_bytes: int) -> Count:
    if isinstance(seen.usage, dict):
        return _told(seen.usage, call, seen.texts)
    if seen.running:
        return Count(_running(seen, call), call.dialect.source)
    if not seen.any:
        return NOTHING
    tokens = Tokens(input_text=_estimate(prompt_bytes, call), output_text=seen.texts)
    # Whoever cuts a stream cannot expect its usage; whoever ends one without has left it out.
    return Count(tokens, CountSource.COUNTED, "no usage" if seen.done or seen.finishes else None)


def of_whole(usage: Any, call: Call, answer_bytes: int) -> Count:
    if isinstance(usage, dict) and usage:
        return _told(usage, call)
    output = 0 if call.operation == "embedding" else _estimate(answer_bytes, call)
    tokens = Tokens(input_text=_estimate(len(call.body), call), output_text=output)
    return Count(tokens, CountSource.ESTIMATED, "no usage")


def of_last_word(raw: bytes, call: Call) -> Count:
    """Of an answer in one piece that was cut, where its backend tells what it took instead."""
    try:
        usage = whole_answers.decode(raw).usage
    except (UnicodeDecodeError, msgspec.DecodeError):
        usage = None
    return _told(usage, call) if isinstance(usage, dict) else of_unanswered(call)


def of_unanswered(call: Call) -> Count:
    """Its backend was asked, and nobody knows how far it came: its prompt was computed, most likely."""
    return Count(Tokens(input_text=_estimate(len(call.body), call)), CountSource.ESTIMATED)


def _told(usage: Any, call: Call, events: int = 0) -> Count:
    found = tokens_of(usage, events)
    return Count(found.tokens, call.dialect.source, found.mismatch)


def _running(seen: Seen, call: Call) -> Tokens:
    """Each answer tells its own; several answers to one prompt read it once."""
    prompts: dict[int, Tokens] = {}
    answered = Tokens()
    for index, usage in sorted(seen.running.items()):
        told = tokens_of(usage).tokens
        answered += Tokens(output_text=told.output_text, output_reasoning=told.output_reasoning)
        read = Tokens(input_text=told.input_text, input_cached=told.input_cached, cache_write=told.cache_write)
        # The first of several finds the least in a cache: the others find what it has read.
        prompts.setdefault(index // call.request.answers, read)
    return sum(prompts.values(), answered)


def _estimate(size: int, call: Call) -> int:
    tokens = -(-size // _BYTES_OF_A_TOKEN)
    context = call.served.context
    return tokens if context is None else min(tokens, context)
