"""Pods that are away or keep silent are asked how they are, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Self, cast

import pytest

from plimsoll.gateway.endpoints import Harm, Target, pod, service
from plimsoll.gateway.probing import Prober
from plimsoll.routing.document import Endpoint
from tests.support import virtual_time


class Asked:
    """A session whose answers the test gives: a status, or None for none in time."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.at: list[float] = []

    def get(self, _address: str, **_given: Any) -> Asked:
        self.at.append(asyncio.get_running_loop().time())
        return self

    async def __aenter__(self) -> Self:
        if self.status is None:
            await asyncio.sleep(5)
            raise TimeoutError
        return self

    async def __aexit__(self, *_: object) -> None: ...


def a_pod() -> Target:
    return pod(Endpoint(name="chat-0", address="10.0.0.1:8080"))


def probed(target: Target, asked: Asked, seconds: float, meanwhile: Callable[[], None] | None = None) -> list[float]:
    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        if meanwhile:
            meanwhile()
        prober = Prober(cast(Any, asked), lambda: [target], loop.time)
        await asyncio.sleep(seconds)
        await prober.close()
        return asked.at

    coroutine: Awaitable[list[float]] = run()
    return virtual_time.run(cast(Any, coroutine))


def test_who_is_well_and_has_nothing_to_do_is_not_asked() -> None:
    assert probed(a_pod(), Asked(200), 100) == []


def test_a_pod_that_hangs_is_found_within_half_a_minute() -> None:
    target = a_pod()
    probed(target, Asked(None), 30, lambda: target.begin(0.0))
    assert target.away(30)


def test_a_pod_that_computes_for_long_is_left_with_its_calls() -> None:
    target = a_pod()
    asked = probed(target, Asked(200), 60, lambda: target.begin(0.0))
    assert not target.away(60)
    assert len(asked) == pytest.approx(5, abs=1)


def test_who_is_away_is_asked_less_and_less_often_until_it_answers() -> None:
    target, asked = a_pod(), Asked(503)
    at = probed(target, asked, 60, lambda: cast(None, target.harmed(Harm.DOWN, 0.0, 0.0)))
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == sorted(gaps)
    assert len(at) <= 7
    assert target.away(60)


def test_who_says_that_it_is_well_is_called_again() -> None:
    target = a_pod()
    probed(target, Asked(200), 3, lambda: cast(None, target.harmed(Harm.DOWN, 0.0, 0.0)))
    assert target.free(3)


def test_nobody_asks_a_service_which_has_no_health_of_its_own() -> None:
    target = service("chat.team-a.svc:8080")
    assert probed(target, Asked(200), 30, lambda: target.begin(0.0)) == []
