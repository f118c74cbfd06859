"""Errors of the gateway: one shape, one table."""

import re
from contextlib import closing
from pathlib import Path
from string import Formatter
from typing import Any

import openai
import orjson
import pytest

from plimsoll.gateway.errors import KINDS, ApiError, Code
from tests.support.canned_server import CannedServer

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "requests.md"


def _made(code: Code) -> ApiError:
    names = [name for _, name, _, _ in Formatter().parse(KINDS[code].words) if name]
    values: dict[str, Any] = dict.fromkeys(names, "x")
    return ApiError(code, param="field", **values)


def test_every_code_has_a_row() -> None:
    assert set(KINDS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_an_error_has_the_shape_of_openai_and_the_request_id(code: Code) -> None:
    error = orjson.loads(_made(code).body("req-1"))["error"]
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    assert (error["code"], error["param"], error["request_id"]) == (code.value, "field", "req-1")
    assert "{" not in error["message"]


@pytest.mark.parametrize("code", Code)
def test_the_type_of_an_error_fits_its_status(code: Code) -> None:
    kind = KINDS[code]
    families = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    assert kind.type == families.get(kind.status, "server_error" if kind.status >= 500 else "invalid_request_error")


def test_words_of_a_client_are_never_taken_for_a_template() -> None:
    error = ApiError(Code.INVALID_VALUE, field="{why.__class__}", why="{field}")
    assert error.message == "{why.__class__}: {field}"


def test_what_would_say_less_than_it_should_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        ApiError(Code.INVALID_VALUE, field="top_p")


@pytest.mark.parametrize(("seconds", "header"), [(0.2, b"1"), (1, b"1"), (1.2, b"2"), (59.0, b"59")])
def test_retry_after_is_in_whole_seconds_and_never_too_soon(seconds: float, header: bytes) -> None:
    error = ApiError(Code.DRAINING, retry_after=seconds)
    assert error.headers() == [(b"retry-after", header)]


def test_without_a_time_to_wait_there_is_no_header() -> None:
    assert ApiError(Code.INTERNAL_ERROR).headers() == []


def test_the_stock_client_raises_an_error_event_of_a_stream() -> None:
    chunk = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
    event = ApiError(Code.UPSTREAM_BROKEN, why="it went away").event("req-1")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    server = CannedServer([head, chunk, event])
    with closing(server), openai.OpenAI(api_key="k", base_url=f"http://127.0.0.1:{server.port}") as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
        with pytest.raises(openai.APIError, match="broke off: it went away"):
            list(stream)


def test_what_a_backend_says_of_a_request_is_passed_on_in_its_own_words() -> None:
    error = ApiError.passed_on(422, "too hot", param="temperature", code=None)
    assert (error.status, error.message, error.param, error.code) == (422, "too hot", "temperature", "upstream_refused")


def test_every_code_stands_in_the_guide_with_its_status() -> None:
    rows = [line.split("|")[1:3] for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    told = {code: status for status, codes in rows for code in re.findall("`([a-z_]+)`", codes)}
    for code, kind in KINDS.items():
        assert str(kind.status) in told[code]
