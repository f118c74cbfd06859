"""E-06, and limits in real time: a backend that fails again and again, and a call that waits for its window."""

from __future__ import annotations

import asyncio
import time

import pytest

from plimsoll.routing.limits import Limits
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script, Trouble
from tests.support.form import Form
from tests.support.gateways import KEY, StartGateway, hosted, opened
from tests.support.traffic.load import drive
from tests.support.traffic.question import Question, Wanted, chat
from tests.support.traffic.verdict import Kind

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}
ASKED = Question(chat("chat", "Ahoy"), Wanted("".join(WORDS)), key=KEY)


@pytest.mark.timeout(900)
def test_e06_a_pod_that_says_it_is_well_and_falls_with_every_call_fails_nobodys(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    falling, well = start_upstream("llamacpp"), start_upstream("llamacpp")
    falling.script(Script(trouble=Trouble.RESET, at=HEAD))
    falling.script(Script(), case="/health")
    gateway = start_gateway(opened(hosted(falling, well)))
    count = form.count(small=70, large=3000)
    report = asyncio.run(drive(gateway.callers(), [ASKED] * count, rate=10))
    assert report.kinds == {Kind.RIGHT: count}
    assert falling.requests("/health")
    # It was tried less and less often.
    assert 3 < len(falling.requests("")) < 30


def test_g23_the_fourth_of_three_in_a_window_reaches_its_backend_when_the_first_has_left_it(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    window = 2.0
    upstream = start_upstream("llamacpp")
    limits = Limits(requests=3, window_seconds=window, when_full="wait", queue=5)
    gateway = start_gateway(opened(hosted(upstream, limits=limits)))
    asked = []
    for _ in range(7):
        asked.append(time.monotonic())
        assert gateway.ask(CHAT, BODY)[0] == 200
    came = [each.begun.at for each in upstream.requests("")]
    assert all(late - early >= window for early, late in zip(asked, came[3:], strict=False))
