"""What a client hears when the backend does not answer."""

import json

import orjson
import pytest

from plimsoll.gateway.backends.refusing import error_within, refused
from plimsoll.routing.policy import Prompt
from tests.support.asked import role

OPENAI = {
    "error": {
        "message": "too long",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
}
VLLM = {"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}}
OLDER = {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}


@pytest.mark.parametrize(
    ("told", "param", "code"),
    [
        (OPENAI, "messages", "context_length_exceeded"),
        (VLLM, None, "upstream_refused"),
        (OLDER, None, "upstream_refused"),
        ({"error": "too long"}, None, "upstream_refused"),
    ],
)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_words_about_a_wrong_request_are_passed_on(status: int, told: object, param: str, code: str) -> None:
    error = refused(status, orjson.dumps(told), None)
    assert (error.status, error.message, error.param, error.code) == (status, "too long", param, code)
    assert error.type == "invalid_request_error"


@pytest.mark.parametrize("raw", [b"", b"<html>Bad</html>", b"[]", b"null", b'{"error":7}', b"\xff", b"{" * 5000])
def test_an_answer_that_nobody_can_read_is_an_error_all_the_same(raw: bytes) -> None:
    error = refused(400, raw, None)
    assert (error.status, error.message) == (400, "the backend of this model refused the request with 400")


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_credential_that_is_not_accepted_is_the_owners_trouble_and_its_words_stay_here(status: int) -> None:
    error = refused(status, b'{"error":{"message":"Incorrect API key provided: sk-proj-1234"}}', None)
    assert (error.status, error.code) == (502, "upstream_credential")
    assert "sk-proj" not in error.body("req-1").decode()


@pytest.mark.parametrize(
    ("status", "shown", "code"),
    [
        (404, 502, "upstream_failed"),
        (408, 502, "upstream_failed"),
        (418, 502, "upstream_failed"),
        (429, 429, "upstream_rate_limited"),
        (500, 502, "upstream_failed"),
        (502, 502, "upstream_failed"),
        (503, 503, "upstream_overloaded"),
        (504, 502, "upstream_failed"),
        (529, 502, "upstream_failed"),
        (302, 502, "upstream_failed"),
    ],
)
def test_trouble_of_a_backend_is_never_the_clients(status: int, shown: int, code: str) -> None:
    error = refused(status, b'{"error":{"message":"stack trace"}}', None)
    assert (error.status, error.code) == (shown, code)
    assert "stack trace" not in error.message


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_passed_on(status: int) -> None:
    assert refused(status, b"", None, retry_after=17).headers() == [(b"retry-after", b"17")]
    assert refused(status, b"", None).headers() == [(b"retry-after", b"1")]


def test_a_long_message_is_cut() -> None:
    assert len(refused(400, orjson.dumps({"error": {"message": "x" * 9000}}), None).message) == 2000


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[{"delta":{"content":"\\"error\\": {}"}}]}',
        b'{"choices":[],"error":null}',
        b'{"choices":[{"delta":{"content":"error"}}]}',
        b'{"error"',
    ],
)
def test_an_event_that_only_speaks_of_errors_is_none(payload: bytes) -> None:
    assert error_within(payload, None) is None


def test_an_error_with_status_200_is_an_error() -> None:
    error = error_within(b'{"error":{"message":"CUDA out of memory","type":"server_error","code":500}}', None)
    assert error is not None
    assert (error.status, error.code) == (502, "upstream_broken")
    assert "CUDA" not in error.message


@pytest.mark.parametrize("told", [OPENAI, VLLM])
def test_a_wrong_request_with_status_200_is_a_wrong_request(told: object) -> None:
    error = error_within(orjson.dumps(told), None)
    assert error is not None
    assert (error.status, error.message) == (400, "too long")


SYSTEM = "당신은 항구의 관리인입니다. 배가 들어오면 먼저 선장의 이름을 물으세요. The word of the day is barnacle."


@pytest.mark.parametrize(
    "quote",
    [
        SYSTEM,
        SYSTEM[:40] + "...[truncated]",
        SYSTEM[-30:],
        json.dumps(SYSTEM)[10:90],
        "[{'role': 'system', 'content': '" + SYSTEM[5:60],
        "Ask the captain of the Swallow",
    ],
)
@pytest.mark.parametrize("name", ["message", "param", "code"])
def test_words_that_quote_a_locked_prompt_stay_here(quote: str, name: str) -> None:
    raw = orjson.dumps({"error": {"message": "not so", "type": "invalid_request_error", name: f"input: {quote}"}})
    locked = role(SYSTEM, None, ("Hi", "Ask the captain of the Swallow."), lock_system=True)
    for error in (refused(400, raw, locked), error_within(raw, locked)):
        assert error is not None
        told = (error.message, error.param, error.code)
        assert told == ("the backend of this model refused the request with 400", None, "upstream_refused")


def test_a_short_prompt_is_not_quoted_either() -> None:
    raw = orjson.dumps({"error": {"message": "input: Say Aye."}})
    assert "Aye" not in refused(400, raw, role("Say Aye.", lock_system=True)).message


@pytest.mark.parametrize("credential", ["sk-proj-0123456789abcdef0123456789abcdef", "short"])
def test_g26_words_that_repeat_the_owners_key_stay_here(credential: str) -> None:
    raw = orjson.dumps({"error": {"message": f"bad header: Bearer {credential}", "type": "invalid_request_error"}})
    for error in (refused(400, raw, None, credential=credential), error_within(raw, None, credential)):
        assert error is not None
        assert error.message == "the backend of this model refused the request with 400"
    assert "bad header" in refused(400, raw, None, credential="sk-another-one-of-somebody").message


@pytest.mark.parametrize("prompt", [None, role(SYSTEM), role("A tide table of the port.", lock_system=True)])
def test_other_words_are_passed_on(prompt: Prompt | None) -> None:
    raw = orjson.dumps({"error": {"message": f"the prompt has 9 tokens: {SYSTEM}"}})
    assert refused(400, raw, prompt).message.endswith(SYSTEM)
