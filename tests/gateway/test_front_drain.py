"""A gateway that is asked to end: not ready first, then nobody new, then nobody is cut in silence."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from plimsoll.cost.record import Outcome
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import WORDS, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.traffic.heard import Heard
from tests.support.traffic.question import Question, Wanted, streamed
from tests.support.traffic.raw import Call
from tests.support.traffic.verdict import Kind, judge
from tests.support.waiting import wait_until

RIGHT = Wanted(text="".join(WORDS))
ASKED = Question(streamed("chat", "Ahoy"), RIGHT, key=KEY)


async def _begun(gateway: GatewayProcess, count: int) -> list[Call]:
    """So many streams, each with its first words."""
    callers = gateway.callers()
    calls = [await callers.begin(ASKED) for _ in range(count)]
    for call in calls:
        await call.hear(words=2)
    return calls


async def _streams_through(gateway: GatewayProcess, count: int, then: Callable[[], None]) -> list[Heard]:
    """What they hear when the gateway is asked to end in their middle, and then this is done."""
    calls = await _begun(gateway, count)
    gateway.signal(signal.SIGTERM)
    await asyncio.to_thread(wait_until, lambda: gateway.get("/ready")[0] != 200, 10, "it is not ready")
    await asyncio.to_thread(then)
    heard = [await call.hear() for call in calls]
    for call in calls:
        call.connection[1].close()
    return heard


def test_g25_streams_that_end_within_the_deadline_end_well(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(holds={4: "go"}))
    gateway = start_gateway(opened(hosted(upstream)))
    count = form.count(small=50, large=200)
    heard = asyncio.run(_streams_through(gateway, count, lambda: upstream.let("go")))
    assert [judge(each, RIGHT).kind for each in heard] == [Kind.RIGHT] * count
    assert gateway.wait() == 0
    assert len(gateway.records()) == count


def test_g25_streams_that_take_longer_end_with_an_error_event_and_are_counted_apart(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(holds={4: "never"}))
    gateway = start_gateway(opened(hosted(upstream)), "--drain-seconds=1")
    count = form.count(small=50, large=200)
    heard = asyncio.run(_streams_through(gateway, count, lambda: None))
    assert [judge(each, RIGHT).kind for each in heard] == [Kind.CLEAN_ERROR] * count
    assert {each.error["code"] for each in heard} == {"draining"}
    assert gateway.wait() == 0
    records = gateway.records()
    assert [record.outcome for record in records] == [Outcome.DRAINED] * count
    assert sum(record.tokens.completion for record in records) == upstream.total().completion
    assert sum(bool(line.get("drained")) for line in gateway.wait_requests(count)) == count


def test_until_everybody_has_heard_calls_are_still_taken_each_as_the_last_of_its_connection(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--goodbye-seconds=3")
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.get("/ready")[0] == 503, 10, "it is not ready")

    async def ask() -> Heard:
        callers = gateway.callers()
        heard = await callers.ask(ASKED)
        callers.close()
        return heard

    heard = asyncio.run(ask())
    assert judge(heard, RIGHT).kind is Kind.RIGHT
    assert heard.headers["connection"] == "close"
    assert gateway.wait() == 0
