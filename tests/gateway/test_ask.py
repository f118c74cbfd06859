"""What the demo asks with, before a real gateway: its figures are those that the gateway counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.counting_upstream.script import Script
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted
from tests.support.routing_documents import digest_of, document, key, model
from tools.demo.answers import Refusal, Used, refusal, revisions, used
from tools.demo.counts import of_metrics

ROOT = Path(__file__).parents[2]
MODEL = "quickstart/assistant"
QUESTIONS = ("What is a ModelConfig?", "stream: How do I roll back?", "리비전이 뭐예요?")
KNOWN = {each["question"]: each["answer"] for each in json.loads((ROOT / "models" / "answers.json").read_text())}


def script(question: str, answer: str = "") -> Script:
    words = (answer or KNOWN[question.removeprefix("stream: ")]).split(" ")
    return Script(words=(words[0], *(f" {word}" for word in words[1:])))


@pytest.fixture
def upstream(start_upstream: StartUpstream) -> CountingUpstream:
    return start_upstream("llamacpp")


def routed(start_gateway: StartGateway, upstream: CountingUpstream, limits: Limits | None = None) -> GatewayProcess:
    there = model(MODEL, hosted(upstream, revision=3))
    caller = key("quickstart/demo", limits=limits or Limits())
    return start_gateway(document(there, keys={digest_of(KEY): caller}))


def ask(base: str, *questions: str, plain: str = KEY) -> tuple[int, str]:
    environment = {**os.environ, "OPENAI_BASE_URL": base, "OPENAI_API_KEY": plain}
    command = [sys.executable, "examples/ask.py", *questions]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def told(said: str, name: str) -> Sequence[str]:
    return [line.removeprefix(f"{name}: ") for line in said.splitlines() if line.startswith(f"{name}: ")]


def test_what_it_prints_is_what_the_gateway_counts_and_a_wrong_answer_ends_it(
    start_gateway: StartGateway, upstream: CountingUpstream
) -> None:
    wrong = script(QUESTIONS[0], "A ModelConfig is the kubectl object.")
    upstream.script(*map(script, QUESTIONS), wrong)
    gateway = routed(start_gateway, upstream)
    code, said = ask(gateway.base)
    assert code == 0, said
    assert told(said, "answer") == [KNOWN[each.removeprefix("stream: ")] for each in QUESTIONS]
    assert revisions(said) == [3, 3, 3]
    records = gateway.records()
    assert told(said, "request") == [record.request for record in records]
    assert [record.streamed for record in records] == [False, True, False]
    counted = Used(3, sum(each.tokens.prompt for each in records), sum(each.tokens.completion for each in records))
    assert used(said) == of_metrics(gateway.metrics(), MODEL) == counted

    code, said = ask(gateway.base, QUESTIONS[0])
    assert code == 1
    assert told(said, "wrong") == [f"the answer is {KNOWN[QUESTIONS[0]]!r}"]
    # It was answered, and so it counts.
    assert used(said) == of_metrics(gateway.metrics(), MODEL) - counted


def test_what_is_refused_is_told_with_its_status_and_words_and_is_no_answer(
    start_gateway: StartGateway, upstream: CountingUpstream
) -> None:
    upstream.script(script("Hello"))
    gateway = routed(start_gateway, upstream, Limits(requests=2))
    code, said = ask(gateway.base, "Hello", "Hello", "Hello")
    found = refusal(said)
    assert code == 1
    assert found is not None
    assert (found.status, found.code) == (429, "rate_limit_exceeded")
    assert "the limit of key quickstart/demo is reached: 2 requests in 60 s" in found.words
    assert used(said).requests == of_metrics(gateway.metrics(), MODEL).requests == 2
    code, said = ask(gateway.base, "Hello", plain=f"plm_wrong0{'0' * 43}")
    assert code == 1
    assert (refusal(said) or Refusal(0, "", "")).status == 401


def test_a_gateway_that_is_not_there_is_told_in_one_line() -> None:
    assert ask("http://127.0.0.1:9/v1", "Hello") == (1, "refused: 0 None: Connection error.\n")
