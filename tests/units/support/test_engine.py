"""The test engine keeps to the contract: codes, last words, answers, and an end that cuts nobody off."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from plimsoll.api.termination import EXIT_CODES, decode
from plimsoll.plan.sizing_report import model_from
from tests.engine import engine
from tests.engine.engine import Act, Engine
from tests.support.waiting import wait_until


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on a free port; a parameter is what it is told to do."""
    monkeypatch.setattr(engine, "PORT", 0)
    server = Engine(["--alias", "tiny", "--context", "512"], Act(getattr(request, "param", "")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.001})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked(server: Engine, path: str, body: object = None) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    return answer.status, told


def test_it_has_the_exit_codes_of_the_contract() -> None:
    assert {reason.value: code for reason, code in EXIT_CODES.items()} == engine.EXIT_CODES


def test_what_its_inspection_reports_is_a_model() -> None:
    assert model_from(engine.REPORT).name == "tiny"


def test_it_answers_with_its_model_its_arguments_and_the_prompt(served: Engine) -> None:
    status, told = asked(served, "/v1/completions", {"prompt": "ahoy"})
    answer = json.loads(told)
    assert status == 200
    assert answer["choices"][0]["text"] == "tiny with --alias tiny --context 512 heard: ahoy"
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9}
    told = asked(served, "/v1/chat/completions", {"messages": [{"role": "user", "content": "ahoy"}], "max_tokens": 1})[
        1
    ]
    assert json.loads(told)["choices"][0]["message"] == {"role": "assistant", "content": "tiny"}


def test_a_stream_has_the_same_words_then_the_usage_then_its_end(served: Engine) -> None:
    body = {"messages": [{"content": "ahoy"}], "stream": True, "stream_options": {"include_usage": True}}
    told = asked(served, "/v1/chat/completions", body)[1]
    events = [line.removeprefix("data: ") for line in told.split("\n\n") if line]
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert text == "tiny with --alias tiny --context 512 heard: ahoy"
    assert chunks[-1]["usage"]["completion_tokens"] == 8
    assert events[-1] == "[DONE]"


def test_it_is_alive_ready_and_counts_its_requests(served: Engine) -> None:
    assert asked(served, "/health")[0] == 200
    assert asked(served, "/ready")[0] == 200
    asked(served, "/v1/completions", {"prompt": "ahoy"})
    assert "test_engine_requests_total 1\n" in asked(served, "/metrics")[1]
    assert json.loads(asked(served, "/v1/models")[1])["data"][0]["id"] == "tiny"
    assert asked(served, "/nowhere")[0] == 404


@pytest.mark.parametrize(
    ("served", "path", "status"),
    [
        ("never-ready", "/ready", 503),
        ("never-ready", "/health", 200),
        ("deaf", "/health", 503),
        ("deaf", "/ready", 200),
    ],
    indirect=["served"],
)
def test_it_fails_its_probes_as_it_is_told(served: Engine, path: str, status: int) -> None:
    assert asked(served, path)[0] == status


@pytest.mark.parametrize("served", ["refuse"], indirect=True)
def test_it_refuses_to_answer_as_it_is_told(served: Engine) -> None:
    assert asked(served, "/v1/completions", {"prompt": "ahoy"})[0] == 500


@pytest.mark.parametrize("served", ["answer-after=0.02"], indirect=True)
def test_it_finishes_the_requests_that_it_has_before_it_ends(served: Engine) -> None:
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(asked(served, "/v1/completions", {"prompt": "ahoy"})[0]))
    asking.start()
    wait_until(lambda: served.requests, 5, "the request has come in")
    served.shutdown()
    served.server_close()
    asking.join()
    assert answers == [200]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the last words go; the program's end is an exception here."""
    written = tmp_path / "last-words"
    monkeypatch.setattr(engine, "LAST_WORDS", written)
    monkeypatch.setattr(engine, "end", sys.exit)
    return written


def test_as_fetch_it_ends_with_the_reason_it_is_told(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACT", "end=ChecksumMismatch")
    with pytest.raises(SystemExit, match="25"):
        engine.main(["fetch", "get", "--source", "{}", "--to", "/models"])
    assert decode(words.read_text(), 1).reason == "ChecksumMismatch"


def test_it_ends_without_a_word_when_told_to(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACT", "exit=3")
    with pytest.raises(SystemExit, match="3"):
        engine.main(["fetch"])
    assert not words.exists()


def test_as_fetch_it_brings_weights_or_inspects_them(words: Path, tmp_path: Path) -> None:
    engine.main(["fetch", "get", "--source", "{}", "--to", str(tmp_path)])
    assert (tmp_path / "weights").exists()
    engine.main(["fetch", "inspect", "--path", "/models/x"])
    assert words.read_text() == engine.REPORT
