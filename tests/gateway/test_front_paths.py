"""A real gateway before an upstream that counts: keys, models, limits, as the stock client and plain HTTP see them."""

from __future__ import annotations

import threading
from functools import partial

import openai
import pytest

from plimsoll.routing.document import Down, Version
from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import HEAD, Script
from tests.support.gateways import KEY, StartGateway, hosted, opened
from tests.support.routing_documents import digest_of, document, key, model
from tests.support.waiting import wait_until

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}


def test_the_stock_client_gets_an_answer_and_everybody_counts_the_same(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    gateway = start_gateway(opened(hosted(upstream)))
    with gateway.client() as client:
        answer = client.chat.completions.with_raw_response.create(**BODY)  # type: ignore[call-overload]
        usage = answer.parse().usage
        assert [each.id for each in client.models.list()] == ["team-a/chat"]
    assert answer.headers["x-plimsoll-model"] == "team-a/chat"
    assert answer.headers["x-request-id"].startswith("req_")
    record = gateway.records()[0]
    assert (record.tokens.prompt, record.tokens.completion) == (usage.prompt_tokens, usage.completion_tokens)
    assert gateway.metric("plimsoll_tokens_total") == usage.total_tokens
    line = gateway.wait_requests(1)[0]
    assert (line["request"], line["outcome"], line["status"]) == (answer.headers["x-request-id"], "ok", 200)
    assert gateway.end() == 0


def test_a_stream_comes_through_and_its_usage_only_to_who_asked(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    gateway = start_gateway(opened(hosted(upstream)))
    with gateway.client() as client:
        events = list(client.chat.completions.create(**BODY, stream=True))  # type: ignore[call-overload]
    assert all(event.usage is None for event in events)
    assert gateway.records()[0].tokens.completion > 0


def test_a_key_that_is_taken_out_and_a_model_that_goes_down_act_at_once(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    served = hosted(start_upstream("llamacpp"))
    gateway = start_gateway(opened(served))
    assert gateway.ask(CHAT, BODY)[0] == 200
    down = model(state=Down(reason="ImagePullFailed", message="the image cannot be pulled"))
    gateway.route(document(down, keys={digest_of(KEY): key()}, version=Version(epoch=1, sequence=2)))
    status, headers, said = gateway.ask(CHAT, BODY)
    assert (status, said["error"]["code"], headers["retry-after"]) == (503, "model_not_ready", "5")
    assert "the image cannot be pulled (ImagePullFailed)" in said["error"]["message"]
    gateway.route(document(model(state=served), version=Version(epoch=1, sequence=3)))
    assert gateway.ask(CHAT, BODY)[0] == 401


def test_a_damaged_and_a_newer_routing_file_leave_the_last_good_one_in_force(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))))
    for reason, content in (("damaged", b"{"), ("too_new", b'{"message":"document","schema":99}')):
        gateway.place(content)
        refused = partial(gateway.metric, "plimsoll_gateway_routing_refused_total", reason=reason)
        wait_until(refused, 10, f"{reason} is told")
        assert gateway.ask(CHAT, BODY)[0] == 200
    assert "the last good routing document goes on to count" in gateway.log


def test_over_the_limit_is_429_with_whom_it_is_for_and_when_to_come_again(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    routes = opened(hosted(start_upstream("llamacpp")), key=key(limits=Limits(requests=2)))
    gateway = start_gateway(routes)
    left = [gateway.ask(CHAT, BODY)[1]["x-ratelimit-remaining-requests"] for _ in range(2)]
    assert left == ["1", "0"]
    with gateway.client() as client, pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(**BODY)  # type: ignore[call-overload]
    assert "the limit of key team-a/app is reached: 2 requests in 60 s" in str(caught.value)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


def test_whoever_may_wait_is_answered_when_the_one_before_has_ended(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(holds={HEAD: "go"}), Script())
    gateway = start_gateway(opened(hosted(upstream, limits=Limits(concurrency=1, when_full="wait", queue=4))))
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(gateway.ask(CHAT, BODY)[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: gateway.metric("plimsoll_queue_depth") == 2, 10, "two wait")
    wait_until(upstream.requests, 10, "the first one has reached the upstream")
    assert len(upstream.requests()) == 1
    upstream.let("go")
    for thread in threads:
        thread.join()
    assert answers == [200, 200, 200]
    assert gateway.metric("plimsoll_queue_depth") == 0
