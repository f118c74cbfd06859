"""A gateway's line to a played operator, without the gateway: what it would serve by, and what it would tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from plimsoll.gateway.dialling import Reason
from plimsoll.gateway.following import House, OperatorLine, Pace
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Routes, routes_of
from plimsoll.routing.conversation import Load
from plimsoll.routing.document import Document
from tests.support.played_operator import Papers, PlayedOperator

# Nothing here is waited for longer than it has to, and nothing is taken for dead.
QUICK = Pace(silence=60.0, first=0.01, longest=0.05, longest_waiting=0.05, cold=0.01, look=0.01)


def paced(**changes: float) -> Pace:
    return replace(QUICK, **changes)


class Line(OperatorLine):
    words = 0

    def spoken_to(self) -> None:
        self.words += 1
        super().spoken_to()


class Follower:
    def __init__(self) -> None:
        self.served: list[Document] = []
        self.refused: Counter[str] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.load = Load(models={})
        self.compile: Callable[[Document], Routes] = lambda document: routes_of(document, Auth.REQUIRED)
        self.line: Line

    @property
    def last(self) -> Document | None:
        return self.served[-1] if self.served else None

    def house(self) -> House:
        return House(
            # The test may put another one in its place.
            compile=lambda document: self.compile(document),  # noqa: PLW0108
            serve=lambda routes: self.served.append(routes.document),
            refused=lambda trouble: self.refused.update([trouble]),
            reconnects=lambda reason: self.reasons.update([reason]),
            load=lambda: self.load,
        )


def at(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


class Harbour:
    """Of one test: its files, its operators, and the line between them."""

    def __init__(self, folder: Path) -> None:
        self.papers = Papers(folder)
        self.copy = folder / "copy"
        self.copy.mkdir()
        self.operators: list[PlayedOperator] = []

    async def operator(
        self, document: Document | None = None, address: str = "127.0.0.1", port: int = 0
    ) -> PlayedOperator:
        made = PlayedOperator(self.papers.certificate, document)
        self.operators.append(made)
        return await made.start(address, port)

    @asynccontextmanager
    async def follower(
        self, port: int, *addresses: str, pace: Pace = QUICK, copy: bool = False
    ) -> AsyncIterator[Follower]:
        made = Follower()
        operator = self.papers.operator(port, self.copy if copy else None)
        made.line = Line(operator, made.house(), pace, at(*(addresses or ("127.0.0.1",))))
        made.line.start()
        try:
            yield made
        finally:
            await made.line.stop()

    async def close(self) -> None:
        for each in self.operators:
            await each.stop()


def told(folder: Path, story: Callable[[Harbour], Awaitable[None]]) -> None:
    async def main() -> None:
        harbour = Harbour(folder)
        try:
            await story(harbour)
        finally:
            await harbour.close()

    asyncio.run(main())
