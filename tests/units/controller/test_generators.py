"""What kopf leaves open when it is stopped is closed in an order in which nothing fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import kopf
import pytest
from kopf._cogs.clients.watching import streaming_block
from kopf._cogs.structs.references import Resource

from plimsoll.cluster.login import Login
from plimsoll.controller import handlers
from plimsoll.controller.ears import Ears
from plimsoll.controller.generators import closed_in_order

# In any order each of them fails every other time.
MANY = 50
HERE = __name__.partition(".")[0]


@asynccontextmanager
async def inner(ended: list[str]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        ended.append("inner")


async def outer(ended: list[str]) -> AsyncGenerator[int]:
    async with inner(ended):
        try:
            yield 1
        finally:
            ended.append("outer")


def left_open(around: AbstractAsyncContextManager[None], ended: list[str]) -> list[str]:
    """What asyncio complains of when the generators of a library are suspended at the end of its loop."""
    complaints: list[str] = []
    kept: list[AsyncGenerator[int]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(str(told["exception"])))
        async with around:
            for _ in range(MANY):
                kept.append(outer(ended))
                await anext(kept[-1])

    asyncio.run(main())
    return complaints


def test_what_is_left_open_is_closed_from_the_outside_in() -> None:
    ended: list[str] = []
    assert left_open(closed_in_order(HERE), ended) == []
    assert ended == ["outer", "inner"] * MANY


def test_what_somebody_else_left_open_is_left_to_asyncio() -> None:
    complaints = left_open(closed_in_order("kopf"), [])
    assert set(complaints) == {"generator didn't stop after athrow()"}


def test_one_that_cannot_be_closed_keeps_nothing_from_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            raise OSError("no")

    async def main() -> str:
        async with closed_in_order(HERE):
            kept = stubborn()
            await anext(kept)
        return "ended"

    assert asyncio.run(main()) == "ended"
    assert caplog.messages == ["a generator that tests left open could not be closed: no"]


def test_what_kopf_leaves_open_is_closed_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []

    async def operator(**_: Any) -> None:
        resource = Resource(group="plimsoll.dev", version="v1alpha1", plural="modelconfigs")
        kept.append(streaming_block(resource=resource, namespace=None))
        await kept[0].__aenter__()

    async def main() -> bool:
        await handlers.listen(Ears(None, None, None, set()), Login("", "", None, None, None), [], asyncio.Event())  # type: ignore[arg-type]
        return kept[0].gen.ag_frame is None

    monkeypatch.setattr(kopf, "operator", operator)
    assert asyncio.run(main())
