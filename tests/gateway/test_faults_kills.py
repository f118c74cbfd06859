"""A gateway that is killed at any moment has recorded whatever a client has got, and nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from plimsoll.cost.record import Outcome
from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import WORDS, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.traffic.load import Report, drive
from tests.support.traffic.question import Question, Wanted, chat, streamed
from tests.support.traffic.verdict import Kind
from tests.support.waiting import wait_until

TEXT = "".join(WORDS)
_IN_A_LIFE = 120
_RATE = 150


def asked(rng: random.Random) -> Question:
    make = rng.choice((chat, streamed))
    leave = rng.randrange(len(WORDS)) if make is streamed and rng.random() < 0.2 else None
    return Question(make("chat", "Ahoy"), Wanted(TEXT), key=KEY, leave_after=leave)


def one_life(gateway: GatewayProcess, rng: random.Random, killed_after: int) -> Report:
    """Load, and a SIGKILL in its midst, when so many attempts have been recorded in this life."""

    before = len(gateway.records())

    async def kill() -> None:
        def recorded() -> bool:
            return len(gateway.records()) >= before + killed_after

        await asyncio.to_thread(wait_until, recorded, 60, "calls are recorded")
        await asyncio.to_thread(gateway.kill)

    async def live() -> Report:
        questions = [asked(rng) for _ in range(_IN_A_LIFE)]
        report, _ = await asyncio.gather(drive(gateway.callers(), questions, _RATE), kill())
        return report

    return asyncio.run(live())


@pytest.mark.timeout(3600)
def test_g22_killed_under_load_no_record_is_lost_or_doubled(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    upstream = start_upstream("vllm")
    upstream.script(Script(pace=0.005))
    gateway = start_gateway(opened(hosted(upstream, backend="vllm", limits=Limits(concurrency=1000))))
    rng, answered = random.Random(form.seed), list[str]()
    for _ in range(form.count(small=5, large=100)):
        report = one_life(gateway, rng, killed_after=rng.randrange(5, 60))
        answered += [each.heard.headers["x-request-id"] for each in report.told if each.verdict.kind is Kind.RIGHT]
        assert report.kinds[Kind.RIGHT] < _IN_A_LIFE, "it was killed too late to show anything"
        gateway.start().wait_ready()
    assert gateway.end() == 0
    records = gateway.records()
    # Nothing lost: whoever got a whole answer is there. Nothing doubled: and only once.
    assert len({each.identity for each in records}) == len(records)
    whole = Counter(each.request for each in records if each.outcome is Outcome.OK)
    assert not [request for request in answered if whole[request] != 1]
    # Nothing made up: what is recorded of a request is what its backend has counted of it.
    counted = {each.header("x-request-id"): each.counts for each in upstream.requests("")}
    for each in records:
        told = counted.get(each.request)
        if told is None:
            # Its client went away before anything of it had come to the backend.
            assert (each.outcome, each.tokens.completion) == (Outcome.CANCELLED, 0), each
            continue
        if each.outcome is Outcome.OK:
            assert (each.tokens.prompt, each.tokens.completion) == (told.prompt, told.completion)
        assert each.tokens.completion <= told.completion
    assert not set(answered) - set(counted)
