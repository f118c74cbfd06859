"""What a request for text wishes, whichever path it came by: sampling, lengths, stops, the shape of the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from plimsoll.runtime.http.errors import ApiError, bad_field
from plimsoll.runtime.http.fields import Fields, shortened, text_of
from plimsoll.runtime.http.ports import Constraints
from plimsoll.runtime.requests import Constraint, Sampling

MOST_ANSWERS = 16
_MOST_STOPS, _LONGEST_STOP = 8, 256
_MOST_BIASED = 1024
_LONGEST_GRAMMAR = 64 * 1024
_MOST_TOP = 20
_MOST_TOKENS = (1 << 31) - 1
# One value of 32 bits means "any" to llama.cpp; no seed of a client becomes it.
SEEDS = 0xFFFF_FFFF
# What OpenAI's clients send along and what changes no answer here.
WITHOUT_EFFECT = ("user", "safety_identifier", "prompt_cache_key", "metadata", "service_tier")

# Makes the constraint of one answer; each answer needs one of its own.
Shape = Callable[[Constraints], Awaitable[Constraint]]


@dataclass(frozen=True, slots=True)
class Wishes:
    sampling: Sampling
    max_tokens: int | None
    stops: tuple[str, ...]
    answers: int  # for each prompt
    stream: bool
    # At its end, and also beside every event.
    usage_in_stream: bool
    running_usage: bool
    shape: Shape | None


def body_of(raw: bytes) -> Fields:
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"the body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, "the body must be a JSON object", code="invalid_json")
    return Fields(data)


def wishes_of(fields: Fields, vocabulary: int) -> Wishes:
    stream = fields.flag("stream") or False
    options = fields.object("stream_options")
    if options is not None:
        if not stream:
            raise bad_field("stream_options", "is for requests with stream: true")
        options.flag("include_obfuscation")
    usage_in_stream = bool(options and options.flag("include_usage"))
    running_usage = bool(options and options.flag("continuous_usage_stats"))
    for name in WITHOUT_EFFECT:
        fields.take(name)
    fields.only("store", False, "nothing is kept here")
    return Wishes(
        sampling=_sampling(fields, vocabulary),
        max_tokens=_max_tokens(fields),
        stops=_stops(fields),
        answers=fields.whole("n", 1, MOST_ANSWERS) or 1,
        stream=stream,
        usage_in_stream=usage_in_stream,
        # As in vLLM: only who wants usage at all gets it beside every event.
        running_usage=usage_in_stream and running_usage,
        shape=_shape(fields),
    )


def top_logprobs(fields: Fields, name: str) -> int | None:
    return fields.whole(name, 0, _MOST_TOP)


def _sampling(fields: Fields, vocabulary: int) -> Sampling:
    usual = Sampling()
    number = fields.number
    seed = fields.whole("seed", -(1 << 63), (1 << 64) - 1)
    return Sampling(
        temperature=_or(number("temperature", 0.0, 2.0), usual.temperature),
        top_p=_or(number("top_p", 0.0, 1.0), usual.top_p),
        top_k=_top_k(fields),
        min_p=_or(number("min_p", 0.0, 1.0), usual.min_p),
        frequency_penalty=_or(number("frequency_penalty", -2.0, 2.0), usual.frequency_penalty),
        presence_penalty=_or(number("presence_penalty", -2.0, 2.0), usual.presence_penalty),
        repeat_penalty=_or(number("repeat_penalty", 0.01, 10.0), usual.repeat_penalty),
        seed=None if seed is None else seed % SEEDS,
        logit_bias=_logit_bias(fields, vocabulary),
    )


def _top_k(fields: Fields) -> int | None:
    """-1 is how vLLM's clients say none."""
    value = fields.whole("top_k", -1, _MOST_TOKENS)
    return 0 if value == -1 else value


def _or(value: float | None, usual: float) -> float:
    return usual if value is None else value


def _logit_bias(fields: Fields, vocabulary: int) -> Mapping[int, float]:
    given = fields.take("logit_bias")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise bad_field("logit_bias", "must be an object from token ids to numbers")
    if len(given) > _MOST_BIASED:
        raise bad_field("logit_bias", f"must have at most {_MOST_BIASED} entries, not {len(given)}")
    biases = Fields(given, "logit_bias.")
    return {_token(name, vocabulary): biases.number(name, -100.0, 100.0) or 0.0 for name in given}


def _token(name: str, vocabulary: int) -> int:
    # int() would also take blanks, signs, underscores and digits of other scripts.
    if not (name.isascii() and name.isdigit() and len(name) <= 9 and int(name) < vocabulary):
        raise bad_field("logit_bias", f'"{shortened(name)}" is not a token id from 0 to {vocabulary - 1}')
    return int(name)


def _max_tokens(fields: Fields) -> int | None:
    old, new = (fields.whole(name, 1, _MOST_TOKENS) for name in ("max_tokens", "max_completion_tokens"))
    if old is not None and new is not None and old != new:
        raise bad_field("max_tokens", f"is {old}, and max_completion_tokens is {new}: send one of them")
    return new if old is None else old


def _stops(fields: Fields) -> tuple[str, ...]:
    given = fields.take("stop")
    if given is None:
        return ()
    stops = given if isinstance(given, list) else [given]
    if len(stops) > _MOST_STOPS:
        raise bad_field("stop", f"must have at most {_MOST_STOPS} entries, not {len(stops)}")
    texts = tuple(text_of(each, "stop", _LONGEST_STOP) for each in stops)
    if not all(texts):
        raise bad_field("stop", "must not be an empty text")
    return texts


def _shape(fields: Fields) -> Shape | None:
    grammar = fields.text("grammar", _LONGEST_GRAMMAR)
    by_format = _response_format(fields.object("response_format"))
    if grammar is None:
        return by_format
    if by_format is not None:
        raise bad_field("grammar", "cannot go together with response_format: send one of them")
    return lambda constraints: constraints.grammar(grammar)


def _response_format(given: Fields | None) -> Shape | None:
    if given is None:
        return None
    kind = given.word("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise bad_field("response_format.type", "is needed")
    named = given.object("json_schema")
    if kind == "json_object":
        return lambda constraints: constraints.json_object()
    if kind == "text":
        return None
    if named is None:
        raise bad_field("response_format.json_schema", "is needed with the type json_schema")
    # The answer always keeps to the schema, with and without strict.
    for name in ("name", "description"):
        named.text(name, 4096)
    named.flag("strict")
    schema = named.take("schema")
    if not isinstance(schema, dict):
        raise bad_field("response_format.json_schema.schema", "must be a JSON schema, which is an object")
    return lambda constraints: constraints.json_schema(schema)
