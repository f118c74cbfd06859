"""G-23 and the table of limits: requests, tokens and concurrency of key, team and model, to the edge of the window."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest

from plimsoll.gateway.call import Call
from plimsoll.routing.document import Document
from plimsoll.routing.limits import Limits
from tests.support import virtual_time
from tests.support.form import Form
from tests.support.front import KEY, Answered, Front
from tests.support.routing_documents import digest_of, document, key, model, served

SCOPES = {"key": "key team-a/app", "team": "team team-a", "model": "model team-a/chat"}
WINDOW = 60.0
# What each call is made to use; a fourth one finds less room than the most that it could take.
_USED = 1000
MEASURES: dict[str, tuple[dict[str, Any], str]] = {
    "requests": ({"requests": 3}, "3 requests in 60 s"),
    "tokens": ({"tokens": 3 * _USED + 50}, "3050 tokens in 60 s"),
    "concurrency": ({"concurrency": 3}, "3 requests at the same time"),
}
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}], "max_tokens": 10}


def routed(scope: str, limits: Limits) -> Document:
    own = {scope: limits}
    return document(
        model(state=served(limits=own.get("model", Limits()))),
        keys={digest_of(KEY): key(limits=own.get("key", Limits()))},
        teams={"team-a": own["team"]} if "team" in own else {},
    )


class Clock:
    """A back that keeps its calls for a while, and when each of them came."""

    def __init__(self, seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.let_in: list[float] = []
        self._seconds = seconds

    async def back(self, call: Call) -> None:
        self.let_in.append(self.loop.time())
        await asyncio.sleep(self._seconds)
        call.hold.settle(_USED)
        await call.responder.start(200, [(b"content-length", b"2")])
        await call.responder.finish(b"{}")


def story(routes: Document, seconds: float, tell: Callable[[Front, Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = Clock(seconds)
        await tell(Front(routes, clock.back), clock)

    virtual_time.run(main())


async def three(front: Front) -> list[asyncio.Task[Answered]]:
    """One each second from the beginning."""
    calls = []
    for _ in range(3):
        calls.append(asyncio.ensure_future(front.ask(body=BODY)))
        await asyncio.sleep(1)
    return calls


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("measure", MEASURES)
def test_the_fourth_of_three_is_refused_with_whom_it_is_for_and_when_there_is_room(measure: str, scope: str) -> None:
    changes, words = MEASURES[measure]
    running = 20.0 if measure == "concurrency" else 0.5

    async def tell(front: Front, clock: Clock) -> None:
        calls = await three(front)
        await asyncio.sleep(7)
        refused = await front.ask(body=BODY)
        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert f"the limit of {SCOPES[scope]} is reached: {words}" in refused.said["error"]["message"]
        wait = int(refused.headers["retry-after"])
        # The first one leaves the window 60 s after it came; when one that runs will end, nobody knows.
        assert wait == (1 if measure == "concurrency" else WINDOW - clock.loop.time())
        assert len(clock.let_in) == 3
        await asyncio.sleep(11 if measure == "concurrency" else wait)
        assert (await front.ask(body=BODY)).status == 200
        assert [each.status for each in await asyncio.gather(*calls)] == [200] * 3

    story(routed(scope, Limits(**changes, window_seconds=WINDOW)), running, tell)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("measure", MEASURES)
def test_the_fourth_of_three_waits_to_the_edge_and_no_longer(measure: str, scope: str) -> None:
    changes, _ = MEASURES[measure]
    running = 20.0 if measure == "concurrency" else 0.5

    async def tell(front: Front, clock: Clock) -> None:
        calls = await three(front)
        fourth = await front.ask(body=BODY)
        assert fourth.status == 200
        edge = running if measure == "concurrency" else WINDOW
        assert clock.let_in[3] == pytest.approx(edge, abs=0.5)
        assert clock.let_in[3] >= edge
        await asyncio.gather(*calls)

    story(routed(scope, Limits(**changes, window_seconds=WINDOW, when_full="wait", queue=5)), running, tell)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("when_full", ["refuse", "wait"])
def test_g23_no_window_wherever_it_begins_has_more_than_the_limit(
    when_full: Literal["refuse", "wait"], scope: str, form: Form
) -> None:
    """Bursts around the borders of windows, where limits that count by the minute let twice as many pass."""
    limit, rng = 7, random.Random(f"{form.seed}:{when_full}:{scope}")

    async def tell(front: Front, clock: Clock) -> None:
        calls = []
        for border in range(form.count(small=20, large=400)):
            for _ in range(rng.randrange(1, 2 * limit)):
                at = border * WINDOW + rng.uniform(-1, 1)
                await asyncio.sleep(max(0.0, at - clock.loop.time()))
                calls.append(asyncio.ensure_future(front.ask(body=BODY)))
        answers = await asyncio.gather(*calls)
        assert {each.status for each in answers} <= {200, 429}
        times = clock.let_in
        assert len(times) == sum(each.status == 200 for each in answers)
        assert len(times) > 3 * limit
        # Who waits is let in at the very edge, and the clock of the test is no finer than this.
        most = max(sum(first <= each < first + WINDOW - 1e-6 for each in times) for first in times)
        assert most == limit

    limits = Limits(requests=limit, window_seconds=WINDOW, when_full=when_full, queue=1000)
    story(routed(scope, limits), 0.01, tell)


@pytest.mark.parametrize("measure", ["requests", "concurrency"])
def test_of_three_gateways_each_lets_in_its_third(measure: str) -> None:
    changes, _ = MEASURES[measure]

    async def tell(front: Front, clock: Clock) -> None:
        front.holds.share_with(3)
        calls = await three(front)
        assert [each.status for each in await asyncio.gather(*calls)] == [200, 429, 429]

    story(routed("key", Limits(**changes, window_seconds=WINDOW)), 10, tell)
