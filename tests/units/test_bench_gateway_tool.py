"""The program of the gateway's bench asks what was planned, when it was planned, and judges what it gets."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, Script, Trouble

Report = dict[str, Any]
WORDS = 5


@pytest.fixture(scope="module")
def mock(gateway_tool: Path) -> Iterator[int]:
    """Its port."""
    command = [
        str(gateway_tool),
        "mock",
        f"--events={WORDS}",
        "--every=1ms",
        "--answer-bytes=1500",
        "--event-bytes=190",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("openai", tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


def load(tool: Path, port: int, *flags: str) -> Report:
    command = [str(tool), "load", f"--url=http://127.0.0.1:{port}/v1/chat/completions", *flags]
    found: Report = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    return found


def counted(mock: int) -> dict[str, int]:
    with urlopen(f"http://127.0.0.1:{mock}/counts", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
    return found


def test_every_connection_asks_again_when_it_is_answered(gateway_tool: Path, mock: int) -> None:
    before = counted(mock)["requests"]
    report = load(gateway_tool, mock, "--total=300", "--connections=3", "--seconds=10")
    assert (report["right"], report["lies"], report["no_answers"], report["errors"]) == (300, 0, 0, {})
    assert report["small"]["count"] == 300
    assert counted(mock)["requests"] - before == 300


def test_as_many_are_asked_as_the_rate_says(gateway_tool: Path, mock: int) -> None:
    report = load(gateway_tool, mock, "--rate=400", "--seconds=0.1", "--connections=2")
    assert (report["right"], report["lateness"]["count"]) == (40, 40)


def test_what_is_asked_while_it_warms_up_does_not_count(gateway_tool: Path, mock: int) -> None:
    before = counted(mock)["requests"]
    report = load(gateway_tool, mock, "--rate=400", "--seconds=0.05", "--warm-up=0.05", "--connections=2")
    assert counted(mock)["requests"] - before == 40
    assert report["right"] == report["small"]["count"] == 20


def test_whoever_waited_waited_from_the_planned_moment(gateway_tool: Path, upstream: CountingUpstream) -> None:
    upstream.script(Script(holds={HEAD: "the first"}), Script())
    flags = ("--rate=1000", "--total=3", "--connections=1", "--seconds=1")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(load, gateway_tool, upstream.port, *flags)
        upstream.wait_held("the first")
        # So slow is this answer; the others are planned for two milliseconds after it.
        time.sleep(0.05)
        upstream.let("the first")
        report = asking.result()
    assert report["right"] == 3
    assert report["small"]["p50"] >= 0.04


def test_large_requests_are_told_apart(gateway_tool: Path, mock: int) -> None:
    before = counted(mock)["bytes"]
    flags = ("--total=10", "--large-every=5", "--large-bytes=400000", "--body-bytes=2000", "--connections=1")
    report = load(gateway_tool, mock, *flags)
    assert (report["small"]["count"], report["large"]["count"]) == (8, 2)
    assert counted(mock)["bytes"] - before == pytest.approx(2 * 400_000 + 8 * 2_000, abs=50)


def test_streams_are_followed_word_by_word(gateway_tool: Path, mock: int) -> None:
    before = counted(mock)
    report = load(gateway_tool, mock, "--stream", "--usage", "--total=20", "--connections=4", f"--events={WORDS}")
    assert (report["right"], report["events"]) == (20, 20 * WORDS)
    assert report["first_word"]["count"] == 20
    assert 0 < report["event_lag"]["p50"] <= report["event_lag"]["most"] < 10
    assert counted(mock)["streams"] - before["streams"] == 20


def test_usage_stands_beside_every_word_for_whoever_asks_for_it(mock: int) -> None:
    for running in (False, True):
        options = {"include_usage": True, "continuous_usage_stats": running}
        body = json.dumps({"stream": True, "stream_options": options}).encode()
        with urlopen(Request(f"http://127.0.0.1:{mock}/v1/chat/completions", body), timeout=10) as answer:
            *events, done, _ = answer.read().decode().split("\n\n")
        assert done == "data: [DONE]"
        told = [json.loads(event.removeprefix("data: ")).get("usage") for event in events]
        beside = [each["completion_tokens"] for each in told[1:-2] if each]
        assert beside == (list(range(1, WORDS + 1)) if running else [])
        assert told[-1]["total_tokens"] == told[-1]["prompt_tokens"] + WORDS


def test_a_stream_with_other_words_is_a_lie(gateway_tool: Path, mock: int) -> None:
    report = load(gateway_tool, mock, "--stream", "--total=2", "--connections=1", f"--events={WORDS + 1}")
    assert (report["lies"], report["why"]) == (2, {f"a stream with {WORDS} words": 2})


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(status=503), "errors"),
        (Script(trouble=Trouble.ERROR, at=2), "errors"),
        (Script(status=502, body=b"<html>"), "lies"),
        (Script(trouble=Trouble.CLOSE, at=2), "lies"),
        (Script(trouble=Trouble.EARLY_END, at=2), "lies"),
        (Script(trouble=Trouble.NO_DONE), "lies"),
        (Script(trouble=Trouble.RESET, at=HEAD), "no_answers"),
    ],
    ids=lambda value: str(value.trouble or value.status) if isinstance(value, Script) else value,
)
def test_what_goes_wrong_is_told_by_its_kind(
    gateway_tool: Path, upstream: CountingUpstream, script: Script, kind: str
) -> None:
    upstream.script(script)
    report = load(gateway_tool, upstream.port, "--stream", "--total=3", "--connections=1")
    errors = sum(report["errors"].values())
    told = {"errors": errors, "lies": report["lies"], "no_answers": report["no_answers"]}
    assert told == {"errors": 0, "lies": 0, "no_answers": 0} | {kind: 3}
    assert report["right"] == 0


def test_the_key_comes_from_the_environment(
    gateway_tool: Path, upstream: CountingUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "plm_sesame")
    upstream.script(Script())
    before = len(upstream.requests())
    load(gateway_tool, upstream.port, "--total=1", "--connections=1", "--key-from=A_KEY")
    assert upstream.requests()[before].header("authorization") == "Bearer plm_sesame"


def test_an_address_that_is_none_is_refused_in_words(gateway_tool: Path) -> None:
    done = subprocess.run([gateway_tool, "load", "--url=boat"], capture_output=True, text=True, check=False)
    assert (done.returncode, "give an address like" in done.stderr) == (1, True)
