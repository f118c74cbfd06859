"""Clients go away at any moment, and the sum of all records is what the backend has counted, to the token."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from functools import reduce

import pytest

from plimsoll.cost.record import Outcome, Tokens
from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import TAIL, WORDS, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.traffic.load import Report, drive
from tests.support.traffic.question import Question, Wanted, streamed
from tests.support.traffic.verdict import Kind
from tests.support.waiting import wait_until

TEXT = "".join(WORDS * 3)


def cut(rng: random.Random) -> Question:
    """One of four stays to the end; some leave before anything has come, and some without a goodbye."""
    leave = None if rng.random() < 0.25 else rng.randrange(len(WORDS) * 3)
    return Question(
        streamed("team-a/chat", "Ahoy"), Wanted(TEXT), key=KEY, leave_after=leave, rudely=rng.random() < 0.3
    )


def driven(gateway: GatewayProcess, questions: list[Question], rate: float) -> Report:
    return asyncio.run(drive(gateway.callers(), questions, rate))


@pytest.mark.parametrize(("shape", "disconnect"), [("llamacpp", "cancel"), ("vllm", "cancel"), ("openai", "drain")])
def test_g08_streams_cut_at_random_are_counted_to_the_token(
    start_upstream: StartUpstream, start_gateway: StartGateway, form: Form, shape: str, disconnect: str
) -> None:
    count = form.count(small=250, large=5000)
    upstream = start_upstream(shape)
    upstream.script(Script(words=WORDS * 3, pace=0.002))
    backend = "openai-compatible" if shape == "openai" else shape
    served = hosted(upstream, backend=backend, on_disconnect=disconnect, limits=Limits(concurrency=1000))
    gateway = start_gateway(opened(served))
    rng = random.Random(form.seed)
    report = driven(gateway, [cut(rng) for _ in range(count)], rate=100)
    assert not report.lies
    assert report.kinds[Kind.RIGHT] > 0
    assert report.kinds[Kind.LEFT] > count / 2
    wait_until(lambda: not [each for each in upstream.requests() if each.running], 90, "the backend is done")
    asked = len(upstream.requests(""))
    wait_until(lambda: len(gateway.records()) >= asked, 90, "every attempt has its record")
    records = gateway.records()
    assert len({each.identity for each in records}) == len(records)
    total = reduce(Tokens.__add__, (each.tokens for each in records))
    told = upstream.total()
    assert (total.prompt, total.completion) == (told.prompt, told.completion)
    assert {each.outcome for each in records} == {Outcome.OK, Outcome.CANCELLED}
    assert gateway.metric("plimsoll_tokens_total") == total.total


def test_a_stream_from_begin_to_end_with_the_stock_client(
    start_upstream: StartUpstream, start_gateway: StartGateway
) -> None:
    upstream = start_upstream("llamacpp")
    gateway = start_gateway(opened(hosted(upstream)))
    with gateway.client() as client:
        stream = client.chat.completions.create(
            model="team-a/chat",
            messages=[{"role": "user", "content": "Ahoy"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        *chunks, last = list(stream)
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == "".join(WORDS)
    (record,) = gateway.records()
    assert last.usage is not None
    told = upstream.total()
    assert last.usage.total_tokens == record.tokens.total == told.prompt + told.completion


def test_who_asks_again_over_its_connection_and_leaves_is_missed_although_the_call_before_is_not_quite_over(
    start_upstream: StartUpstream, start_gateway: StartGateway
) -> None:
    upstream = start_upstream("vllm")
    upstream.script(Script(holds={TAIL: "tail"}), case="first")
    upstream.script(Script(holds={1: "never"}), case="second")
    gateway = start_gateway(opened(hosted(upstream, backend="vllm")))
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    client.request("POST", "/v1/chat/completions", json.dumps(streamed("team-a/chat", marked("first"))), headers)
    assert client.getresponse().read().endswith(b"[DONE]\n\n")
    client.request("POST", "/v1/chat/completions", json.dumps(streamed("team-a/chat", marked("second"))), headers)
    second = client.getresponse()
    assert second.read1()
    assert not gateway.requests_file.read_text()
    upstream.let("tail")
    gateway.wait_requests(1)
    second.close()
    client.close()
    wait_until(lambda: upstream.requests("second")[0].how == "gone", 20, "the backend is told")
    assert [each.outcome for each in gateway.records()] == [Outcome.OK, Outcome.CANCELLED]
