"""Who is waited for before it is told that a model is ready, and for how long."""

from __future__ import annotations

import asyncio
import logging

import pytest

from plimsoll.controller.announcing import Announcing
from plimsoll.routing.document import Version
from tests.support.virtual_time import run

_VERSION = Version(epoch=1, sequence=2)


class _Others:
    """Those who make the document, and those who go by it."""

    def __init__(self, version: Version | None = _VERSION, making: float = 0.0, taking: float = 0.0) -> None:
        self.version = version
        self.making = making
        self.taking = taking
        self.served: list[Version] = []

    async def compiled(self) -> Version | None:
        await asyncio.sleep(self.making)
        return self.version

    async def serve(self, version: Version) -> None:
        await asyncio.sleep(self.taking)
        self.served.append(version)

    def announced_after(self) -> float:
        async def main() -> float:
            announcing = Announcing()
            announcing.through(self.compiled, self.serve)
            await announcing.announce()
            return asyncio.get_running_loop().time()

        return run(main())


def test_the_document_is_made_first_and_then_every_gateway_goes_by_it() -> None:
    others = _Others(making=0.5, taking=0.25)
    assert others.announced_after() == pytest.approx(0.75)
    assert others.served == [_VERSION]


def test_without_a_document_no_gateway_is_waited_for() -> None:
    others = _Others(version=None, taking=0.25)
    assert others.announced_after() == 0.0
    assert others.served == []


@pytest.mark.parametrize("others", [_Others(making=3600.0), _Others(taking=3600.0)])
def test_nobody_keeps_a_status_back_for_long(others: _Others, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert others.announced_after() == pytest.approx(2.0)
    assert "is not waited for" in caplog.text


def test_where_there_are_no_gateways_nobody_is_waited_for() -> None:
    run(Announcing().announce())
