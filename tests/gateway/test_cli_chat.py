"""`plimsoll chat` before a real gateway, through the forwarding of `plimsoll connect`: both sides count the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.routing.limits import Limits
from tests.support.command import Command
from tests.support.counting_upstream.process import StartUpstream
from tests.support.forwarding_server import ForwardingServer, Pod
from tests.support.gateways import KEY, StartGateway, hosted, opened
from tests.support.routing_documents import key


@pytest.fixture
def plimsoll(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("PLIMSOLL_API_KEY", KEY)
    monkeypatch.delenv("PLIMSOLL_URL", raising=False)
    return Command(monkeypatch, capsys)


def test_what_is_shown_is_what_the_record_says(
    plimsoll: Command, start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))))
    with ForwardingServer(tmp_path) as server:
        server.pods = {"gateway-a": Pod(gateway.port)}
        answered = plimsoll("chat", "chat", "-m", "Ahoy", "-o", "json", "--kubeconfig", server.kubeconfig)
    assert answered.code == 0, answered.errors
    answer = answered.data
    record = gateway.records()[0]
    assert answer["usage"]["prompt"] == record.tokens.prompt
    assert answer["usage"]["completion"] == record.tokens.completion > 0
    assert (answer["requestId"], answer["revision"]) == (record.request, record.revision)
    assert answer["model"] == "team-a/chat"
    assert answer["answer"]


def test_a_call_over_a_limit_and_one_without_a_good_key_are_told_in_the_gateways_words(
    plimsoll: Command, start_gateway: StartGateway, start_upstream: StartUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = key(limits=Limits(requests=1, window_seconds=600.0))
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp")), key=limited))
    monkeypatch.setenv("PLIMSOLL_URL", f"http://127.0.0.1:{gateway.port}/v1")
    assert plimsoll("chat", "chat", "-m", "Ahoy").code == 0
    over = plimsoll("chat", "chat", "-m", "Ahoy")
    assert (over.code, over.output) == (1, "")
    assert "is reached: 1 request" in over.errors
    assert "ask again in" in over.errors
    monkeypatch.setenv("PLIMSOLL_API_KEY", KEY[:-1] + "x")
    wrong = plimsoll("chat", "chat", "-m", "Ahoy")
    assert wrong.code == 1
    assert "invalid_api_key" in wrong.errors
    assert "plimsoll key create" in wrong.errors
    assert plimsoll("chat", "elsewhere", "-m", "Ahoy").code == 1
    monkeypatch.setenv("PLIMSOLL_API_KEY", KEY)
    assert plimsoll("chat", "elsewhere", "-m", "Ahoy").code == 3
