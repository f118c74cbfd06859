"""The copy for gateways says what the document says, is written when that is something new, and no old one is left."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from plimsoll.cluster.errors import ClusterError
from plimsoll.controller import copying
from plimsoll.controller.copying import Copying
from plimsoll.controller.routing_table import RoutingTable
from plimsoll.routing.copies import pack, unpack, without_pods
from plimsoll.routing.document import Document, Endpoint, Hosted, Version
from tests.support.home import HOME, Home
from tests.support.routing_documents import document, large_document, model, served
from tests.support.virtual_time import run

FIRST = "apply Secret plimsoll-routing-copy-0"
SMALL = document(model())
LARGE = large_document(models=40, keys=200)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small documents fill many; and virtual time knows nothing of threads."""

    async def at_once(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)

    monkeypatch.setattr(copying, "pack", lambda document: pack(document, 5000))
    monkeypatch.setattr(asyncio, "to_thread", at_once)


class Stage:
    def __init__(self) -> None:
        self.home = Home()
        self.table = RoutingTable()
        self.copying = Copying(self.home, HOME, self.table)

    def put(self, **changes: Any) -> Document:
        """What is new comes as the next version."""
        assert self.table.current is not None
        self.table.put(replace(self.table.current, version=self.table.current.version.next(), **changes))
        return self.table.current

    @property
    def pieces(self) -> list[bytes]:
        secrets = (self.home.objects[each] for each in sorted(self.home.objects))
        return [base64.b64decode(secret["data"]["piece"]) for secret in secrets]

    def begin_again(self) -> None:
        """Another process leads now."""
        self.home.writes.clear()
        self.copying = Copying(self.home, HOME, self.table)


def play(scenario: Callable[[Stage], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario(Stage())

    run(main())


async def written(stage: Stage, whole: Document = SMALL) -> None:
    stage.table.put(whole)
    await stage.copying.write()


def test_the_copy_is_the_document_without_pods() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        assert len(stage.pieces) > 2
        assert unpack(stage.pieces) == without_pods(LARGE)
        assert stage.copying.pieces == len(stage.pieces)
        assert not stage.copying.too_large

    play(scenario)


def test_nothing_is_written_for_pods_alone_or_a_new_number() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage)
        pod = Endpoint(name="chat-1", address="10.0.0.2:8080")
        moved = served(upstream=Hosted(endpoints=(pod,), service="chat.team-a.svc:8080"))
        stage.put(models={"team-a/chat": model(state=moved)})
        await stage.copying.write()
        assert stage.home.writes == [FIRST]
        stage.put(gateways=2)
        await stage.copying.write()
        assert stage.home.writes == [FIRST] * 2
        copied = unpack(stage.pieces)
        assert copied is not None
        assert copied.gateways == 2

    play(scenario)


def test_pieces_that_are_needed_no_more_are_taken_away() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        count = len(stage.pieces)
        stage.put(models={}, keys={})
        await stage.copying.write()
        assert stage.home.writes[count:] == [
            FIRST,
            *(f"delete Secret plimsoll-routing-copy-{number}" for number in range(1, count)),
        ]
        assert unpack(stage.pieces) == without_pods(stage.table.current or SMALL)

    play(scenario)


def test_a_new_leader_that_says_the_same_writes_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        count = len(stage.pieces)
        stage.begin_again()
        stage.table = RoutingTable()
        stage.begin_again()
        stage.table.put(replace(LARGE, version=Version(epoch=7, sequence=1)))
        await stage.copying.write()
        assert stage.home.writes == []
        assert stage.copying.pieces == count

    play(scenario)


def test_a_copy_from_before_the_lease_began_anew_is_replaced() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, replace(SMALL, version=Version(epoch=7, sequence=1)))
        stage.table = RoutingTable()
        stage.begin_again()
        await written(stage)
        assert stage.home.writes == [FIRST]
        assert unpack(stage.pieces) == without_pods(SMALL)

    play(scenario)


def _gone(stage: Stage) -> None:
    del stage.home.objects["Secret", "plimsoll-routing-copy-1"]


def _damaged(stage: Stage) -> None:
    stage.home.objects["Secret", "plimsoll-routing-copy-1"]["data"]["piece"] = "bm9uc2Vuc2U="


def _no_text(stage: Stage) -> None:
    stage.home.objects["Secret", "plimsoll-routing-copy-0"]["data"] = {"piece": "?"}


def _left(stage: Stage) -> None:
    """By a process that ended before it could take this one away."""
    older = replace(large_document(models=41, keys=200), version=Version(epoch=0, sequence=1))
    last = base64.b64encode(pack(older, 5000)[0]).decode()
    stage.home.objects["Secret", "plimsoll-routing-copy-7"] = {"data": {"piece": last}}


@pytest.mark.parametrize("damage", [_gone, _damaged, _no_text, _left])
@pytest.mark.parametrize("restarted", [True, False])
def test_what_somebody_has_spoiled_is_put_right(damage: Callable[[Stage], None], restarted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        count = len(stage.pieces)
        damage(stage)
        if restarted:
            stage.begin_again()
        else:
            await asyncio.sleep(301)
        await stage.copying.write()
        assert stage.pieces == list(pack(without_pods(LARGE), 5000))
        assert len(stage.pieces) == count

    play(scenario)


def test_a_document_that_does_not_fit_leaves_no_old_copy_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        stage.put(models=large_document(models=400, keys=0).models, keys=large_document(models=0, keys=2000).keys)
        await stage.copying.write()
        assert (stage.copying.too_large, stage.copying.pieces, stage.pieces) == (True, 0, [])
        assert "there is no copy any more" in caplog.text
        stage.put(models=LARGE.models, keys=LARGE.keys)
        await stage.copying.write()
        assert (stage.copying.too_large, stage.copying.pieces) == (False, len(stage.pieces))
        assert unpack(stage.pieces) == without_pods(stage.table.current or SMALL)

    play(scenario)


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_what_an_outage_has_left_half_done_is_finished(fails: int) -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        stage.home.fails_at = {len(stage.home.writes) + fails}
        stage.put(keys={}, gateways=3, models=large_document(models=12, keys=0).models)
        with pytest.raises(ClusterError):
            await stage.copying.write()
        await stage.copying.write()
        assert stage.pieces == list(pack(without_pods(stage.table.current or SMALL), 5000))

    play(scenario)


def test_what_was_half_written_is_put_right_also_when_the_document_goes_back() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage, LARGE)
        stage.home.fails_at = {len(stage.home.writes) + 2}
        stage.put(models=large_document(models=60, keys=0).models)
        with pytest.raises(ClusterError):
            await stage.copying.write()
        stage.put(models=LARGE.models)
        await stage.copying.write()
        assert unpack(stage.pieces) == without_pods(stage.table.current or SMALL)

    play(scenario)


def test_it_writes_at_most_every_ten_seconds_and_goes_on_after_an_outage() -> None:
    async def scenario(stage: Stage) -> None:
        running = asyncio.create_task(stage.copying.run())
        await asyncio.sleep(60)
        assert stage.home.writes == []
        stage.table.put(SMALL)
        await asyncio.sleep(1)
        for number in range(2, 92):
            stage.put(gateways=number)
            await asyncio.sleep(1)
        assert 9 <= len(stage.home.writes) <= 10
        stage.home.away = True
        stage.put(gateways=100)
        await asyncio.sleep(60)
        stage.home.away = False
        await asyncio.sleep(11)
        assert unpack(stage.pieces) == without_pods(stage.table.current or SMALL)
        running.cancel()

    play(scenario)


def test_the_secrets_are_ours_and_lie_at_home() -> None:
    async def scenario(stage: Stage) -> None:
        await written(stage)
        secret = stage.home.objects["Secret", "plimsoll-routing-copy-0"]
        assert secret["metadata"]["namespace"] == HOME
        assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "plimsoll-operator"
        assert list(secret["data"]) == ["piece"]

    play(scenario)
