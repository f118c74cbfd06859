"""A server that is away is asked seldom, by all of a process together."""

from __future__ import annotations

import asyncio

from plimsoll.cluster.errors import Unavailable
from plimsoll.cluster.patience import Patience
from tests.support.virtual_time import run


async def _waited(patience: Patience) -> float:
    began = asyncio.get_running_loop().time()
    await patience.wait()
    return round(asyncio.get_running_loop().time() - began, 3)


async def _fail(patience: Patience, retry_after: float | None = None) -> None:
    """A request that took a moment."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(0.1)
    patience.failed(Unavailable("no", retry_after), began)


def test_nobody_waits_for_a_server_that_answers() -> None:
    assert run(_waited(Patience())) == 0


def test_one_failure_alone_closes_nothing() -> None:
    async def main() -> float:
        patience = Patience()
        for _ in range(10):
            await _fail(patience)
            patience.succeeded()
        return await _waited(patience)

    assert run(main()) == 0


def test_failures_in_a_row_are_waited_out_longer_each_time() -> None:
    async def main() -> list[float]:
        patience, waits = Patience(), []
        for _ in range(9):
            await _fail(patience)
            waits.append(await _waited(patience))
        return waits

    assert run(main()) == [0, 0, 1, 2, 4, 8, 15, 15, 15]


def test_the_time_that_the_server_asked_for_is_waited_by_everybody() -> None:
    async def main() -> list[float]:
        patience = Patience()
        await _fail(patience, retry_after=7)
        return [*await asyncio.gather(_waited(patience), _waited(patience))]

    assert run(main()) == [7, 7]


def test_requests_that_fail_together_are_one_failure() -> None:
    async def main() -> float:
        patience = Patience()
        await asyncio.gather(*(_fail(patience) for _ in range(20)))
        return await _waited(patience)

    assert run(main()) == 0
