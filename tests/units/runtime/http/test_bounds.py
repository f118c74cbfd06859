"""Values that a field cannot have: refused with its name, the value and the bound, never with a 500."""

import random
from typing import Any

import orjson
import pytest

from plimsoll.runtime.requests import Job
from tests.support.form import Form
from tests.support.played_engine import House, embedding_house

COMPLETIONS = "/v1/completions"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("temperature", 2.1, "from 0 to 2, not 2.1"),
        ("temperature", -0.1, "from 0 to 2"),
        ("temperature", "hot", "a number, not text"),
        ("temperature", True, "a number, not true or false"),
        ("top_p", 1.5, "from 0 to 1"),
        ("top_k", -2, "from -1 to 2147483647"),
        ("top_k", 1.5, "a whole number"),
        ("min_p", 2, "from 0 to 1"),
        ("frequency_penalty", 3, "from -2 to 2"),
        ("presence_penalty", -3, "from -2 to 2"),
        ("repeat_penalty", 0, "from 0.01 to 10"),
        ("seed", 1 << 70, "from -9223372036854775808 to"),
        ("seed", 1.5, "a whole number"),
        ("max_tokens", 0, "from 1 to 2147483647"),
        ("max_tokens", 1 << 40, "from 1 to 2147483647"),
        ("n", 17, "from 1 to 16"),
        ("logprobs", 21, "from 0 to 20"),
        ("stop", ["a"] * 9, "at most 8 entries"),
        ("stop", "", "must not be an empty text"),
        ("stop", [1], "must be text, not a number"),
        ("stop", "x" * 257, "at most 256 characters"),
        ("logit_bias", {"300": 1}, "not a token id from 0 to 299"),
        ("logit_bias", {"1_0": 1}, "not a token id"),
        ("logit_bias", {"-1": 1}, "not a token id"),
        ("logit_bias", {"\u0661": 1}, "not a token id"),
        ("logit_bias", {"1": 101}, "from -100 to 100"),
        ("logit_bias", [1], "must be an object"),
        ("logit_bias", {str(each): 1 for each in range(1025)}, "at most 1024 entries"),
        ("prompt", None, "not nothing"),
        ("prompt", [], "not an empty list"),
        ("prompt", {"a": 1}, "not an object"),
        ("prompt", [300], "from 0 to 299"),
        ("prompt", [-1], "from 0 to 299"),
        ("prompt", [1, True], "must be a whole number"),
        ("prompt", ["a", 1], "entries of one kind"),
        ("prompt", [[1], []], "entries of one kind"),
        ("prompt", ["a"] * 17, "at most 16 entries"),
        ("stream", 1, "true or false"),
        ("stream_options", {"include_usage": True}, "stream: true"),
        ("response_format", {"type": "xml"}, '"text", "json_object" or "json_schema"'),
        ("response_format", {"type": "json_schema"}, "is needed"),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": 1}}, "must be a JSON schema"),
        ("response_format", {}, "is needed"),
        ("grammar", 5, "must be text"),
        ("echo", True, "must be false"),
        ("suffix", "x", 'must be ""'),
        ("best_of", 3, "must be 1"),
        ("store", True, "must be false"),
        ("strict", "no", "true or false"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any, told: str) -> None:
    reply = House().ask(COMPLETIONS, {"prompt": "Hi", name: value})
    assert reply.status == 400
    assert reply.error["param"].split(".")[0] == name
    assert told in reply.error["message"]


def test_two_lengths_that_differ_are_refused() -> None:
    body = {"prompt": "Hi", "max_tokens": 3, "max_completion_tokens": 4}
    assert House().ask(COMPLETIONS, body).error["param"] == "max_tokens"
    assert House().ask(COMPLETIONS, body | {"max_tokens": 4}).status == 200


def test_whole_numbers_may_be_written_with_a_point() -> None:
    house = House()
    assert house.ask(COMPLETIONS, {"prompt": "Hi", "max_tokens": 8.0}).status == 200
    assert house.engine.jobs[0].max_tokens == 8


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"42", b'"text"', b"{", b'{"prompt": NaN}', b'{"prompt": 1e999}', b"\xff\xfe",
        b'{"prompt": "\\ud800"}', b'{"prompt": "\xed\xa0\x80"}', b"[" * 5000, b'{"a":' * 5000, b"\xef\xbb\xbf{}",
        b'{"prompt": "Hi", "temperature": 1' + b"0" * 400 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    reply = House().ask(COMPLETIONS, body)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")


def test_of_two_equal_fields_the_last_one_counts() -> None:
    house = House()
    assert house.ask(COMPLETIONS, b'{"prompt": "a", "prompt": "bc"}').status == 200
    assert len(house.engine.jobs[0].prompt) == 3


def test_a_body_that_never_ends_is_refused_before_it_is_read() -> None:
    reply = House().ask(COMPLETIONS, b"x" * ((4 << 20) + 1))
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_a_schema_may_be_nested_deeply_and_is_passed_on_as_it_is() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"properties": {"a": schema}}
    body = {"prompt": "Hi", "response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    assert House().ask(COMPLETIONS, body).status == 200


GOOD = {
    COMPLETIONS: {
        "prompt": "Hi", "max_tokens": 5, "temperature": 0.5, "stop": ["a"], "logit_bias": {"5": 1}, "stream": True,
        "stream_options": {"include_usage": True}, "logprobs": 2, "seed": 7, "response_format": {"type": "json_object"},
    },
    "/v1/chat/completions": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "tool_choice": "required",
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "n": 2,
    },
    "/v1/embeddings": {"input": ["a", "b"], "encoding_format": "base64"},
    "/tokenize": {"messages": [{"role": "user", "content": "Hi"}]},
}  # fmt: skip
ODD = (b"\x00", b"\xff", b'"', b"{", b"}", b"[", b"]", b",", b"null", b"-1", b"1e9", b"true", b'"\\u0000"', b'"a"')


def test_no_change_of_a_body_is_an_error_of_ours(form: Form) -> None:
    rnd = random.Random(form.seed)
    for number in range(form.count(small=2000, large=50_000)):
        path = rnd.choice(tuple(GOOD))
        body = bytearray(orjson.dumps(GOOD[path]))
        for _ in range(rnd.randint(1, 4)):
            begin = rnd.randrange(len(body))
            body[begin : begin + rnd.randint(0, 6)] = rnd.choice(ODD)
        house = embedding_house() if path == "/v1/embeddings" else House(tools=True)
        reply = house.ask(path, bytes(body))
        assert reply.status < 500, (number, path, bytes(body), reply.body)
        assert house.engine.room.taken == 0, (number, bytes(body))
        for job in house.engine.jobs:
            _check(job)


def _check(job: Job) -> None:
    """What the engine gets is always within what the engine can compute."""
    from plimsoll.runtime.checking import check_job

    check_job(job, 300, 129, generates=True)
