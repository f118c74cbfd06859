"""The operator's server for gateways, on loopback with real TLS, and gateways that come to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from plimsoll.cluster.kinds import CONFIG_MAP
from plimsoll.cluster.lease import LeaseLost
from plimsoll.controller.certificates import AUTHORITY, Certificates
from plimsoll.controller.feed import Door, Feed
from plimsoll.controller.line import Pace
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.controller.token_reviews import TokenReviews
from plimsoll.routing.conversation import PATH
from plimsoll.routing.encoding import Message, decode
from tests.support.home import HOME, Home

NAME = f"plimsoll-routing.{HOME}.svc"
# For whatever has to happen; a machine that is busy with other tests is slow.
SECONDS = 30.0
# Nobody is taken for dead, also on such a machine.
PATIENT = Pace(heartbeat=5.0, silence=SECONDS, goodbye=SECONDS)


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


@dataclass
class Leading:
    mine: bool = True

    def may_serve(self) -> float:
        if not self.mine:
            raise LeaseLost("the lease is gone")
        return 1.0


@dataclass
class Fed:
    feed: Feed
    home: Home
    table: RoutingTable
    certificates: Certificates
    lease: Leading
    running: asyncio.Task[None]
    session: aiohttp.ClientSession
    lines: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)

    def trusting(self) -> ssl.SSLContext:
        """As a gateway trusts that reads the file of the ConfigMap now."""
        return ssl.create_default_context(cadata=self.home.data(CONFIG_MAP, AUTHORITY)["ca.crt"])

    @property
    def url(self) -> str:
        return f"wss://{NAME}:{self.feed.port}{PATH}"

    async def connect(self, token: str = "good", *, autoping: bool = True) -> aiohttp.ClientWebSocketResponse:
        """Raises WSServerHandshakeError where it is turned away."""
        headers = {"Authorization": f"Bearer {token}"}
        line = await self.session.ws_connect(
            self.url, headers=headers, ssl=self.trusting(), autoping=autoping, max_msg_size=0
        )
        self.lines.append(line)
        return line

    async def refusal(self, token: str = "good") -> int:
        try:
            line = await self.connect(token)
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        await line.close()
        return 101

    async def until_gateways(self, count: int) -> None:
        await until(lambda: self.feed.gateways == count)

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@asynccontextmanager
async def fed(pace: Pace = PATIENT) -> AsyncIterator[Fed]:
    """The token `good` is that of a gateway."""
    home, table = Home(), RoutingTable()
    home.admit("good")
    certificates = Certificates(home, HOME)
    await certificates.look()
    lease = Leading()
    feed = Feed(table, certificates, TokenReviews(home, HOME), lease.may_serve, Door("127.0.0.1", 0, pace))
    running = asyncio.create_task(feed.run())
    connector = aiohttp.TCPConnector(resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector) as session:
        made = Fed(feed, home, table, certificates, lease, running, session)
        await asyncio.wait({running, asyncio.ensure_future(feed.listening.wait())}, return_when="FIRST_COMPLETED")
        try:
            yield made
        finally:
            # Who reads no more answers no goodbye.
            for line in made.lines:
                line._response.close()
            await made.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def heard(line: aiohttp.ClientWebSocketResponse) -> Message:
    """The next word of the operator; an error for whatever else comes."""
    said = await line.receive(timeout=SECONDS)
    assert said.type is aiohttp.WSMsgType.TEXT, said
    return decode(said.data.encode())


Scenario = Callable[[Fed], Awaitable[None]]


def play(scenario: Scenario, pace: Pace = PATIENT) -> None:
    async def main() -> None:
        async with asyncio.timeout(5 * SECONDS), fed(pace) as made:
            await scenario(made)

    asyncio.run(main())
