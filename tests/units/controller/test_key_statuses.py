"""A key is told what became of it once, again when something else is true, and never when nothing has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plimsoll.cluster.errors import ClusterError, Conflict, Forbidden, NotFound, Unavailable
from plimsoll.cluster.kinds import MODEL_KEY, Object
from plimsoll.controller.key_statuses import KeyStatuses
from plimsoll.controller.key_store import KeyStore
from plimsoll.controller.queue import KeyedQueue
from plimsoll.plan.observed import Key
from tests.support.model_keys import HASH, model_key
from tests.support.toy_cluster import ToyCluster
from tests.support.virtual_time import run

APP = Key("team", "app")
BEGAN = datetime(2026, 11, 21, tzinfo=UTC)


class Stage:
    """One operator and one API server, told of by hand; its clock is that of the loop."""

    def __init__(self) -> None:
        self.cluster = ToyCluster()
        self.store, self.queue = KeyStore(), KeyedQueue()
        self.statuses = KeyStatuses(self.cluster, self.store, self.queue, self.now)

    @staticmethod
    def now() -> datetime:
        return BEGAN + timedelta(seconds=asyncio.get_running_loop().time())

    def stored(self) -> Object:
        found = self.cluster.find(MODEL_KEY, "app")
        assert found is not None
        return found

    def ready(self) -> tuple[str, str]:
        (found,) = (each for each in self.stored()["status"]["conditions"] if each["type"] == "Ready")
        return found["status"], found["reason"]

    def put(self, **spec: Any) -> None:
        """As somebody declares it, and as it is told."""
        before = self.cluster.find(MODEL_KEY, "app") or {"metadata": {}}
        made = model_key(spec, namespace="team")
        made["metadata"] |= before["metadata"] | {"generation": before["metadata"].get("generation", 0) + 1}
        self.store.put(self.cluster.add({**made, "status": before.get("status", {})}))
        self.settle()

    def settle(self) -> None:
        while not self.store.is_settled:
            for key in self.store.settle((), 10):
                self.queue.add(key)

    def play(self, play: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            workers = [asyncio.create_task(work) for work in self.statuses.workers()]
            await play()
            await self.queue.drain()
            await asyncio.gather(*workers)

        run(main())

    @property
    def writes(self) -> int:
        return len(self.cluster.writes)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_key_is_told_once(stage: Stage) -> None:
    async def play() -> None:
        stage.put()
        await asyncio.sleep(5)
        assert stage.ready() == ("True", "Open")
        assert stage.stored()["status"]["hashes"] == [HASH]
        # The echo of what was written, and a look for no reason.
        stage.store.put(stage.stored())
        stage.store.touch_all()
        stage.settle()
        await asyncio.sleep(5)
        assert stage.cluster.writes == ["status ModelKey app"]

    stage.play(play)


def test_after_a_restart_nothing_is_written(stage: Stage) -> None:
    async def play() -> None:
        stage.put(expiresAt="2027-01-31T12:00:00Z")
        await asyncio.sleep(5)
        after = Stage()
        after.cluster = stage.cluster
        after.statuses = KeyStatuses(after.cluster, after.store, after.queue, after.now)
        after.store.put(after.stored())
        after.settle()
        workers = [asyncio.create_task(work) for work in after.statuses.workers()]
        await asyncio.sleep(5)
        await after.queue.drain()
        await asyncio.gather(*workers)
        assert stage.writes == 1

    stage.play(play)


def test_a_key_that_expires_is_told_then_and_not_before(stage: Stage) -> None:
    async def play() -> None:
        stage.put(expiresAt="2026-11-21T03:00:00Z")
        await asyncio.sleep(3 * 3600 - 1)
        assert (stage.ready(), stage.writes) == (("True", "Open"), 1)
        await asyncio.sleep(2)
        assert (stage.ready(), stage.writes) == (("False", "Expired"), 2)
        await asyncio.sleep(24 * 3600)
        assert stage.writes == 2

    stage.play(play)


def test_a_suspended_key_is_told_with_the_generation_that_says_so(stage: Stage) -> None:
    async def play() -> None:
        stage.put()
        await asyncio.sleep(5)
        stage.put(suspended=True)
        await asyncio.sleep(5)
        assert stage.ready() == ("False", "Suspended")
        assert stage.stored()["status"]["observedGeneration"] == 2

    stage.play(play)


def test_what_is_not_settled_yet_is_not_told_of(stage: Stage) -> None:
    async def play() -> None:
        stage.store.put(stage.cluster.add(model_key({}, namespace="team")))
        stage.queue.add(APP)
        await asyncio.sleep(5)
        assert stage.writes == 0

    stage.play(play)


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Conflict("moved on"), Forbidden("may not", "patch", "modelkeys")]
)
def test_a_write_that_fails_is_tried_again(stage: Stage, error: ClusterError) -> None:
    async def play() -> None:
        stage.cluster.refuse = lambda *_: error
        stage.put()
        await asyncio.sleep(2)
        stage.cluster.refuse = lambda *_: None
        await asyncio.sleep(10)
        assert stage.ready() == ("True", "Open")

    stage.play(play)


def test_a_key_that_is_gone_meanwhile_is_left_alone(stage: Stage) -> None:
    async def play() -> None:
        stage.cluster.refuse = lambda *_: NotFound("gone")
        stage.put()
        await asyncio.sleep(0.1)
        stage.store.remove(APP)
        stage.settle()
        stage.cluster.requests.clear()
        await asyncio.sleep(60)
        assert stage.writes == 0

    stage.play(play)


def test_a_status_is_written_only_on_the_version_that_it_speaks_of(stage: Stage) -> None:
    async def play() -> None:
        stage.put()
        # Somebody declares something else, and we have not heard of it yet.
        newer = stage.stored()
        newer["spec"]["suspended"] = True
        stage.cluster.add(newer)
        await asyncio.sleep(5)
        assert "conditions" not in stage.stored()["status"]
        stage.store.put(stage.stored())
        stage.settle()
        await asyncio.sleep(60)
        assert stage.ready() == ("False", "Suspended")

    stage.play(play)
