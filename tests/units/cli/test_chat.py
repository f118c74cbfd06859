"""`plimsoll chat`: the answer as it comes, what it took, and the gateway's own words when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from plimsoll.cli import chat
from tests.support.command import Command
from tests.support.forwarding_server import ForwardingServer, Pod
from tests.support.played_gateway import PlayedGateway
from tests.units.cli.test_outputs import schema

KEY = "plm_x7Kq2a" + "k" * 43
HEAD = {
    "Content-Type": "text/event-stream",
    "x-request-id": "req-1",
    "x-plimsoll-model": "team-a/chat",
    "x-plimsoll-revision": "3",
}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
Serve = Callable[..., PlayedGateway]


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def says(piece: str, finish: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": piece}, "finish_reason": finish}])


WHOLE = [
    b": still here\n\n",
    event(choices=[{"delta": {"role": "assistant"}}]),
    says("Ahoy, "),
    says("한국!", "stop"),
    event(choices=[], usage=USAGE),
    b"data: [DONE]\n\n",
]


def response(status: str, headers: dict[str, str], body: Sequence[bytes]) -> list[bytes]:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in body]
    return [f"HTTP/1.1 {status}\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *chunks, b"0\r\n\r\n"]


def refusal(code: str, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLIMSOLL_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLIMSOLL_API_KEY", KEY)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    started: list[PlayedGateway] = []

    def serve(
        body: Sequence[bytes] = WHOLE, status: str = "200 OK", headers: dict[str, str] | None = None
    ) -> PlayedGateway:
        started.append(PlayedGateway(response(status, HEAD if headers is None else headers, body)))
        monkeypatch.setenv("PLIMSOLL_URL", f"http://127.0.0.1:{started[-1].port}/v1")
        return started[-1]

    yield serve
    for each in started:
        each.close()


def test_the_answer_is_the_output_and_what_it_took_is_beside_it(plimsoll: Command, serve: Serve) -> None:
    server = serve()
    answered = plimsoll("chat", "team-a/chat", "-m", "Who?", "--system", "Be brief.", "--max-tokens", 9)
    assert (answered.code, answered.output) == (0, "Ahoy, 한국!\n")
    model, tokens, time, request = answered.errors.splitlines()
    assert model == "model: team-a/chat, revision 3"
    assert tokens == "tokens: 12 prompt + 3 completion = 15"
    assert "to the first token" in time
    assert request == "request: req-1"
    (asked,) = server.asked
    assert (asked.path, asked.headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert asked.body == {
        "model": "team-a/chat",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}],
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_programs_get_one_object(plimsoll: Command, serve: Serve) -> None:
    serve()
    for output in ("json", "yaml"):
        answer = plimsoll("chat", "chat", "-m", "Who?", "-o", output).data
        jsonschema.validate(answer, schema("chat"))
        assert (answer["answer"], answer["finishReason"]) == ("Ahoy, 한국!", "stop")
        assert answer["usage"] == {"prompt": 12, "completion": 3, "total": 15}
        assert (answer["model"], answer["revision"], answer["requestId"]) == ("team-a/chat", 3, "req-1")
        assert 0 <= answer["firstTokenSeconds"] <= answer["seconds"]


def test_the_standard_input_is_a_question(plimsoll: Command, serve: Serve) -> None:
    server = serve()
    assert plimsoll("chat", "chat", given="Who\nare you?\n").code == 0
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "Who\nare you?"}]
    assert plimsoll("chat", "chat", given=" \n").code == 2


def test_a_conversation_remembers_and_survives_a_question_that_fails(
    plimsoll: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    lines = iter(["One?", "", "Two?"])
    monkeypatch.setattr(chat, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))

    def typed(_prompt: str) -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    monkeypatch.setattr("builtins.input", typed)
    answered = plimsoll("chat", "chat")
    assert answered.code == 0
    assert [each["content"] for each in server.asked[1].body["messages"]] == ["One?", "Ahoy, 한국!", "Two?"]
    serve([refusal("model_not_ready", "chat takes no calls now")], "503 Service Unavailable", {})
    lines = iter(["One?", "Two?"])
    answered = plimsoll("chat", "chat")
    assert (answered.code, answered.errors.count("chat takes no calls now")) == (0, 2)


@pytest.mark.parametrize(
    ("status", "headers", "code", "words", "exit_code", "fix"),
    [
        ("401 Unauthorized", {}, "invalid_api_key", "this key is not known here", 1, "plimsoll key create NAME"),
        ("403 Forbidden", {}, "model_forbidden", "this key may not call chat", 1, "docs/requests.md"),
        ("404 Not Found", {}, "model_not_found", "there is no chat", 3, "plimsoll get -A"),
        ("429 Too Many", {"Retry-After": "7"}, "rate_limit_exceeded", "the limit is reached", 1, "again in 7 s"),
        ("429 Too Many", {}, "over_limit", "this request alone", 1, "a higher limit"),
        ("503 Unavailable", {"Retry-After": "5"}, "model_not_ready", "no calls now", 6, "plimsoll status chat"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_gateway_with_a_fix(  # noqa: PLR0917
    plimsoll: Command,
    serve: Serve,
    status: str,
    headers: dict[str, str],
    code: str,
    words: str,
    exit_code: int,
    fix: str,
) -> None:
    serve([refusal(code, words)], status, headers)
    answered = plimsoll("chat", "team-a/chat", "-m", "Who?")
    assert (answered.code, answered.output) == (exit_code, "")
    assert f"plimsoll: {words} ({code})" in answered.errors
    assert fix in answered.errors


def test_what_is_no_gateway_is_quoted_without_a_key(plimsoll: Command, serve: Serve) -> None:
    serve([b"<html>bad " + KEY.encode()], "418 Teapot", {})
    answered = plimsoll("chat", "chat", "-m", "Who?")
    assert answered.code == 1
    assert KEY not in answered.errors


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ([event(error={"message": "the backend broke", "code": "upstream_broken"})], "upstream_broken"),
        ([], "broke off in the middle"),
        ([b"data: {nothing\n\n"], "no event"),
    ],
)
def test_half_an_answer_is_no_success(plimsoll: Command, serve: Serve, end: list[bytes], words: str) -> None:
    serve([says("Ahoy"), *end])
    answered = plimsoll("chat", "chat", "-m", "Who?")
    assert (answered.code, answered.output) == (6, "Ahoy\n")
    assert words in answered.errors
    assert plimsoll("chat", "chat", "-m", "Who?", "-o", "json").output == ""


def test_nobody_at_the_address_is_told(plimsoll: Command) -> None:
    server = PlayedGateway([])
    server.close()
    answered = plimsoll("chat", "chat", "-m", "Who?", "--url", f"http://127.0.0.1:{server.port}")
    assert answered.code == 6
    assert f"the gateway at 127.0.0.1:{server.port} does not answer" in answered.errors


def test_an_address_that_is_none_is_refused(plimsoll: Command) -> None:
    assert plimsoll("chat", "chat", "-m", "Who?", "--url", "gateway:8080").code == 2


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_an_address_may_end_as_it_likes(plimsoll: Command, serve: Serve, ending: str) -> None:
    server = serve()
    plimsoll("chat", "chat", "-m", "Who?", "--url", f"http://127.0.0.1:{server.port}{ending}")
    assert server.asked[0].path == "/v1/chat/completions"


def test_a_key_for_somebody_else_is_not_sent(plimsoll: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLIMSOLL_API_KEY")
    server = serve()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    assert plimsoll("chat", "chat", "-m", "Who?").code == 0
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert plimsoll("chat", "chat", "-m", "Who?").code == 0
    assert [each.headers.get("Authorization") for each in server.asked] == [None, f"Bearer {KEY}"]


def test_a_key_that_no_header_can_carry_is_not_shown(
    plimsoll: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLIMSOLL_API_KEY", f"{KEY[:30]}\n{KEY[30:]}")
    answered = plimsoll("chat", "chat", "-m", "Who?")
    assert answered.code == 2
    assert KEY[:30] not in answered.errors


def test_what_a_model_says_does_not_move_the_terminal_and_keeps_its_letters(plimsoll: Command, serve: Serve) -> None:
    spoken = "\x1b[2J\r\u202e\ttab\nline \u3000\xa0 👩\u200d🚀 न\u200cक"
    serve([says(spoken), *WHOLE[2:]])
    output = plimsoll("chat", "chat", "-m", "Who?").output
    assert output.startswith("\\x1b[2J\\r\\u202e\ttab\nline \u3000\xa0 👩\u200d🚀 न\u200cक")


def test_what_the_owner_changed_is_told(plimsoll: Command, serve: Serve) -> None:
    serve([says("A", "length"), *WHOLE[4:]], headers={**HEAD, "x-plimsoll-capped": "max_tokens=4;asked=9"})
    errors = plimsoll("chat", "chat", "-m", "Who?").errors
    assert "max_tokens=4;asked=9" in errors
    assert "the answer is cut" in errors


def test_without_an_address_the_gateway_of_the_cluster_is_asked(plimsoll: Command, tmp_path: Path) -> None:
    canned = PlayedGateway(response("200 OK", HEAD, WHOLE))
    with ForwardingServer(tmp_path) as server:
        server.pods = {"gateway-a": Pod(canned.port)}
        answered = plimsoll("chat", "chat", "-m", "Who?", "--kubeconfig", server.kubeconfig)
    canned.close()
    assert (answered.code, answered.output) == (0, "Ahoy, 한국!\n")
