"""Which pod a call goes to while some are gone, hang, drain, or have too much to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plimsoll.cost.record import Outcome
from plimsoll.routing.document import Endpoint, Hosted, Served, Timeouts
from tests.support.carried import Back, Carried, back
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.counting_upstream.script import WORDS, Script
from tests.support.gateways import hosted

TEXT = "".join(WORDS)
SHORT = Timeouts(connect=2.0, first_byte=0.3, idle=0.3, total=0.5)
Do = Callable[[Back], Awaitable[Carried]]


def run(do: Do) -> Carried:
    async def inside() -> Carried:
        async with back() as made:
            return await do(made)

    return asyncio.run(inside())


def away(address: str) -> Endpoint:
    return Endpoint(name="gone", address=address)


def among(first: Endpoint, *upstreams: CountingUpstream, **changes: Any) -> Served:
    """A model with a pod that is gone, and then these."""
    others = (Endpoint(name=f"pod-{at}", address=each.address) for at, each in enumerate(upstreams))
    return hosted(*upstreams, upstream=Hosted(endpoints=(first, *others), service=""), **changes)


def test_g10_who_says_nothing_is_given_up_in_time_and_another_one_answers(start_upstream: StartUpstream) -> None:
    hung, well = start_upstream("llamacpp"), start_upstream("llamacpp")
    hung.hang()
    served = hosted(hung, well, timeouts=SHORT)
    carried = run(lambda made: made.ask(served, "", stream=True))
    assert carried.answer.text == TEXT
    assert [each.outcome for each in carried.records] == [Outcome.TIMEOUT, Outcome.OK]
    whole = run(lambda made: made.ask(served, ""))
    assert whole.error is not None
    assert whole.error.status == 504
    assert whole.record.seconds >= 0.4
    hung.go_on()
    hung.wait_ended(count=2)


def test_g09_a_pod_that_is_gone_costs_nobody_a_call(start_upstream: StartUpstream) -> None:
    gone, well = start_upstream("llamacpp"), start_upstream("llamacpp")
    address = gone.address
    gone.kill()

    async def ask(made: Back) -> Carried:
        served = among(away(address), well)
        carried = [await made.ask(served) for _ in range(5)]
        assert [len(each.records) for each in carried] == [2, 1, 1, 1, 1]
        assert all(each.error is None for each in carried)
        return carried[0]

    first = run(ask)
    assert [each.endpoint for each in first.records] == ["gone", "pod-0"]


def test_who_drains_is_not_called(start_upstream: StartUpstream) -> None:
    leaving, well = start_upstream("llamacpp"), start_upstream("llamacpp")
    first = Endpoint(name="leaving", address=leaving.address, draining=True)

    async def ask(made: Back) -> Carried:
        return [await made.ask(among(first, well)) for _ in range(4)][-1]

    assert run(ask).record.endpoint == "pod-0"
    assert not leaving.requests()


def test_g09_a_pod_that_was_away_is_asked_how_it_is_and_comes_back(start_upstream: StartUpstream) -> None:
    pod = start_upstream("llamacpp")
    served = hosted(pod, upstream=Hosted(endpoints=(away(pod.address),), service=""))

    async def ask(made: Back) -> Carried:
        pod.refuse()
        refused = await made.ask(served)
        assert refused.error is not None
        assert (refused.error.code, refused.error.retry_after) == ("upstream_unreachable", 1)
        pod.accept()
        await asyncio.to_thread(pod.wait_ended, "/health")
        return await made.ask(served)

    assert run(ask).error is None


@pytest.mark.parametrize(("headers", "seconds"), [((), 1), ((("retry-after", "7"),), 7), ((("retry-after", "x"),), 1)])
def test_g12_who_has_too_much_is_left_alone_and_the_client_is_told_for_how_long(
    start_upstream: StartUpstream, headers: tuple[tuple[str, str], ...], seconds: float
) -> None:
    busy = start_upstream("openai")
    busy.script(Script(status=429, headers=headers))
    served = hosted(busy, backend="openai-compatible")

    async def ask(made: Back) -> Carried:
        carried = [await made.ask(served) for _ in range(5)]
        for each in carried:
            assert each.error is not None
            assert (each.error.status, each.error.code) == (429, "upstream_rate_limited")
            assert each.error.retry_after == pytest.approx(seconds, abs=0.9)
        return carried[0]

    run(ask)
    assert len(busy.requests()) == 1


def test_g12_others_take_the_calls_of_who_has_too_much(start_upstream: StartUpstream) -> None:
    busy, well = start_upstream("llamacpp"), start_upstream("llamacpp")
    busy.script(Script(status=429))

    async def ask(made: Back) -> Carried:
        carried = [await made.ask(hosted(busy, well)) for _ in range(10)]
        assert all(each.error is None for each in carried)
        return carried[0]

    run(ask)
    assert len(busy.requests()) == 1


def test_g13_when_everybody_is_down_hardly_anything_is_tried_twice(start_upstream: StartUpstream) -> None:
    pods = [start_upstream("llamacpp") for _ in range(2)]
    for each in pods:
        each.script(Script(status=500))
    calls = 200

    async def ask(made: Back) -> Carried:
        carried = [await made.ask(hosted(*pods)) for _ in range(calls)]
        assert all(each.error is not None and each.error.status == 502 for each in carried)
        attempts = sum(len(each.records) for each in carried)
        assert attempts == sum(len(each.requests("")) for each in pods)
        assert attempts <= 1.1 * calls
        return carried[0]

    run(ask)


def test_g13_a_backend_that_fails_every_other_time_gets_a_tenth_more_calls_at_most(
    start_upstream: StartUpstream,
) -> None:
    pod, calls = start_upstream("llamacpp"), 100
    pod.script(*[Script(status=500), Script()] * calls)

    async def ask(made: Back) -> Carried:
        carried = [await made.ask(hosted(pod)) for _ in range(calls)]
        assert sum(len(each.records) for each in carried) == len(pod.requests("")) <= 1.1 * calls + 3
        return carried[0]

    assert run(ask).error is None
