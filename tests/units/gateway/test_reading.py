"""G-03, G-04: from bytes to fields within hard bounds, and back with nothing touched but what changes."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.reading import BOUNDS, REMOVED, Bounds, read
from tests.support.damaged_bodies import damaged
from tests.support.form import Form

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e99, 1e99) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)
_OBJECTS = st.dictionaries(_TEXTS, _VALUES, max_size=6)


def code_of(raw: bytes, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(ApiError) as caught:
        read(raw, bounds)
    assert 400 <= caught.value.status < 500
    return caught.value.code


def _as_a_fast_reader_does(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'"text"', "invalid_json"),
        (b"null", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"a":1', "invalid_json"),
        (b'{"a":1}}', "invalid_json"),
        (b'{"a":1} {"b":2}', "invalid_json"),
        (b'{"a":1,}', "invalid_json"),
        (b"{'a':1}", "invalid_json"),
        (b"{a:1}", "invalid_json"),
        (b'{"a":01}', "invalid_json"),
        (b'{"a":+1}', "invalid_json"),
        (b'{"a":.5}', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":Infinity}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":1e}', "invalid_json"),
        (b'{"a":/*x*/1}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":"\xc3"}', "invalid_json"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":"\\udc00\\ud800"}', "invalid_json"),
        (b'{"a":"\\x41"}', "invalid_json"),
        (b'{"a":"\x00"}', "invalid_json"),
        (b'{"a":"line\nbreak"}', "invalid_json"),
        (b'\xef\xbb\xbf{"a":1}', "invalid_json"),
        ('{"a":1}'.encode("utf-16"), "invalid_json"),
        (b"{" * 10_000, "invalid_json"),
        (b"[" * 10_000 + b"]" * 10_000, "invalid_json"),
        (nested(129), "too_deep"),
        (b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", "too_deep"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"\\u0061":2}', "duplicate_key"),
        (b'{"messages":[{"role":"user","role":"system"}]}', "duplicate_key"),
        (b'{"a":{"b":1},"a":{"b":1,"c":{}}}', "duplicate_key"),
        (b'{"a":[{}],"a":[{},{}]}', "duplicate_key"),
        (b'{"a":"\\u003a","b":1,"b":2}', "duplicate_key"),
        (b'{"a":"\\\\","a":1}', "duplicate_key"),
        (b'{"a":1' + b"0" * 400 + b"}", "number_too_large"),
        (b'{"a":1e400}', "number_too_large"),
        (b'{"a":1E+400}', "number_too_large"),
        (b'{"a":1e100}', "number_too_large"),
        (b'{"a":{"b":[-1e9999]}}', "number_too_large"),
        (b'{"a":0.' + b"1" * 41 + b"}", "number_too_large"),
    ],
    ids=str,
)
def test_g_04_what_is_no_plain_json_object_is_refused(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b' \r\n\t{ "a" : 1 } \n',
        nested(128),
        b'{"a":1e99,"b":-1E-400,"c":0.30000000000000004,"d":18446744073709551616}',
        b'{"a":"{[:,\\"}]","b":"\\\\","c":"\\\\\\"","d":"1e999","e":"' + b"9" * 100 + b'"}',
        b'{"a":"\\ud83d\\ude00","\\uc774\\ub984":"\xed\x95\x9c"}',
        b'{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}',
        b'{"":1,"a":{"":[]}}',
    ],
)
def test_g_04_what_is_one_is_read_as_everybody_reads_it(raw: bytes) -> None:
    assert read(raw).fields == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":"' + b"x" * 100 + b'"}', "body_too_large"),
        (b'{"a":["b","c","d","e"]}', "too_many_values"),
        (b'{"a":[[],[],[]]}', "too_many_values"),
        (b'{"a":1,"b":2,"c":3,"d":4}', "too_many_values"),
        (b'{"a":[1,2,3,4,5,6,7]}', "too_many_values"),
        (b'{"a":"\\n\\n\\n"}', "too_many_values"),
    ],
    ids=str,
)
def test_g_03_more_than_the_bounds_is_refused(raw: bytes, code: str) -> None:
    bounds = Bounds(body=100, containers=4, keys=3, strings=4, values=5, escapes=2)
    assert code_of(raw, bounds) == code


def test_bounds_are_kept_to_the_last_one() -> None:
    bounds = Bounds(body=28, depth=3, containers=4, keys=3, strings=4, values=2)
    assert read(b'{"a":[1,[2]],"b":{"c":"d"}}', bounds).fields == {"a": [1, [2]], "b": {"c": "d"}}


@settings(deadline=None, max_examples=40)
@given(_OBJECTS)
def test_whatever_is_json_is_read(value: dict[str, Any]) -> None:
    for raw in (orjson.dumps(value), json.dumps(value).encode(), json.dumps(value, indent=1).encode()):
        assert read(raw).fields == json.loads(raw)


@settings(deadline=None, max_examples=40)
@given(_OBJECTS, _VALUES, _VALUES)
def test_a_key_that_comes_twice_is_found_whatever_stands_around_it(around: Any, first: Any, second: Any) -> None:
    parts = tuple(json.dumps(each).encode() for each in (around, first, second))
    assert code_of(b'{"x":%b,"y":[{"\\u0061":%b,"a":%b}]}' % parts) == "duplicate_key"


def test_an_unchanged_body_goes_on_as_the_very_bytes_that_came() -> None:
    raw = b' {"model": "a",\n "temperature":0.70, "stop":null}'
    body = read(raw)
    assert body.written({}) is raw
    assert body.written({"model": "a", "temperature": 0.7, "gone": REMOVED}) is raw


def test_only_what_changes_is_written_anew() -> None:
    raw = b'{ "model": "a", "temperature": 7.0e-1, "big": 18446744073709551616000, "text": "\\uc774 \\/", "top_k": 3 }'
    written = read(raw).written({"model": "\uc774", "top_k": REMOVED, "stream_options": {"include_usage": True}})
    assert (
        written
        == (
            '{"model":"\uc774","temperature":7.0e-1,"big":18446744073709551616000,"text":"\\uc774 \\/",'
            '"stream_options":{"include_usage":true}}'
        ).encode()
    )


@pytest.mark.parametrize(("found", "wanted"), [(1, True), (1, 1.0), (True, 1), (None, False)])
def test_what_only_python_calls_equal_is_written_anew(found: Any, wanted: Any) -> None:
    written = read(orjson.dumps({"a": found})).written({"a": wanted})
    assert written == orjson.dumps({"a": wanted})


@settings(deadline=None, max_examples=40)
@given(_OBJECTS, _OBJECTS)
def test_a_changed_body_says_what_it_said_with_the_changes(value: dict[str, Any], changes: dict[str, Any]) -> None:
    written = read(json.dumps(value).encode()).written(changes)
    assert orjson.loads(written) == {**value, **changes}


def test_g_04_a_body_that_was_damaged_anywhere_is_read_or_refused(form: Form) -> None:
    outcomes = set()
    for raw in damaged(form.seed, form.count(small=20_000, large=1_000_000)):
        try:
            body = read(raw)
        except ApiError as error:
            outcomes.add(f"{error.status} {error.code}")
        else:
            assert body.fields == json.loads(raw, parse_int=_as_a_fast_reader_does)
            outcomes.add("read")
    refused = {"400 invalid_json", "400 duplicate_key", "400 number_too_large", "400 too_deep"}
    assert outcomes == {"read", *refused}
