"""The operator's real server and a gateway's real line, each with files as Kubernetes would bring them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from plimsoll.cluster.kinds import CONFIG_MAP
from plimsoll.controller.certificates import AUTHORITY
from plimsoll.gateway.dialling import Reason
from plimsoll.gateway.settings import Operator
from plimsoll.routing.conversation import Load, ModelLoad
from plimsoll.routing.document import Document, Version
from tests.support.feeds import NAME, SECONDS, Fed, fed, until
from tests.support.followers import QUICK, Follower, Line, at
from tests.support.routing_documents import document, model

FIRST = document(model())


@asynccontextmanager
async def following(made: Fed, folder: Path) -> AsyncIterator[Follower]:
    mount(made, folder)
    (folder / "token").write_text("good\n")
    follower = Follower()
    operator = Operator(host=NAME, port=made.feed.port, ca=folder / "ca.crt", token=folder / "token")
    follower.line = Line(operator, follower.house(), QUICK, at("127.0.0.1"))
    follower.line.start()
    try:
        yield follower
    finally:
        await follower.line.stop()


def mount(made: Fed, folder: Path) -> None:
    """As the kubelet brings the ConfigMap, some time after it was written."""
    (folder / "ca.crt").write_text(made.home.data(CONFIG_MAP, AUTHORITY)["ca.crt"])


def play(folder: Path, scenario: Callable[[Fed, Follower], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5 * SECONDS), fed() as made, following(made, folder) as follower:
            await scenario(made, follower)

    asyncio.run(main())


def test_a_gateway_serves_by_what_the_operator_says(tmp_path: Path) -> None:
    async def scenario(made: Fed, follower: Follower) -> None:
        await until(lambda: follower.reasons[Reason.NOT_LEADING] > 0)
        made.table.put(FIRST)
        await until(lambda: follower.last == FIRST)
        steps = FIRST
        for number in range(2, 30):
            steps = replace(steps, version=steps.version.next(), gateways=number)
            made.table.put(steps)
        await until(lambda: follower.last == steps)
        anew = replace(FIRST, version=Version(epoch=2, sequence=1))
        made.table.put(anew)
        await until(lambda: follower.last == anew)
        assert made.feed.gateways == 1

    play(tmp_path, scenario)


def test_the_operator_knows_what_a_gateway_has_to_do(tmp_path: Path) -> None:
    async def scenario(made: Fed, follower: Follower) -> None:
        follower.load = Load(models={"team-a/chat": ModelLoad(running=3, waiting=2)})
        made.table.put(FIRST)
        await until(lambda: [(each.running, each.waiting) for each in made.feed.loads] == [(3, 2)])

    play(tmp_path, scenario)


def test_a_gateway_comes_back_when_its_volume_has_the_new_authority(tmp_path: Path) -> None:
    async def scenario(made: Fed, follower: Follower) -> None:
        made.table.put(FIRST)
        await until(lambda: follower.last == FIRST)
        made.home.objects.clear()
        await made.certificates.look()
        # The line stays; only a new one needs the new authority.
        later: Document = replace(FIRST, version=FIRST.version.next(), gateways=2)
        made.table.put(later)
        await until(lambda: follower.last == later)
        await follower.line.stop()
        follower.line.start()
        await until(lambda: follower.reasons[Reason.UNTRUSTED] > 0)
        mount(made, tmp_path)
        await until(lambda: made.feed.gateways == 1)

    play(tmp_path, scenario)


def test_a_gateway_that_leaves_is_gone_at_once_and_an_operator_that_leaves_says_so(tmp_path: Path) -> None:
    async def scenario(made: Fed, follower: Follower) -> None:
        made.table.put(FIRST)
        await until(lambda: follower.last == FIRST)
        await follower.line.stop()
        await made.until_gateways(0)
        follower.line.start()
        await made.until_gateways(1)
        await made.feed.say_goodbye()
        await until(lambda: follower.reasons[Reason.CLOSED] > 0)
        await until(lambda: follower.reasons[Reason.NOT_LEADING] > 0)

    play(tmp_path, scenario)
