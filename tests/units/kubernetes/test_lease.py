"""One leader, who stops writing before another can begin. Time is virtual."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, NotFound, Unavailable
from plimsoll.cluster.kinds import Kind, Object
from plimsoll.cluster.lease import Lease, LeaseLost, Place
from tests.support.virtual_time import run


class _Server(Client):
    """A server with one Lease, which can be away."""

    def __init__(self) -> None:
        self.lease: Object | None = None
        self.version = 0
        self.away = False
        self.asked = 0

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        self._check()
        if self.lease is None:
            raise NotFound("no lease")
        return copy.deepcopy(self.lease)

    async def create(self, wanted: Object, **_: Any) -> Object:
        self._check()
        if self.lease is not None:
            raise Conflict("exists")
        return self._store(wanted)

    async def replace(self, wanted: Object, **_: Any) -> Object:
        self._check()
        assert self.lease is not None
        if wanted["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("has moved on")
        return self._store(wanted)

    def _check(self) -> None:
        self.asked += 1
        if self.away:
            raise Unavailable("away")

    def _store(self, wanted: Object) -> Object:
        self.version += 1
        self.lease = copy.deepcopy(wanted)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.lease)


def _lease(server: _Server, identity: str) -> Lease:
    return Lease(server, Place("plimsoll", "operator", identity), wall_clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))


def _ends(scenario: Callable[[_Server], Coroutine[Any, Any, None]]) -> None:
    run(scenario(_Server()))


async def _kept(lease: Lease) -> asyncio.Task[None]:
    await lease.acquire()
    return asyncio.ensure_future(lease.keep())


def test_the_first_one_leads_at_once_and_stays_so() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        keeping = await _kept(lease)
        for _ in range(100):
            await asyncio.sleep(3)
            assert 5 < lease.may_write() <= 15
        assert server.lease is not None
        assert server.lease["spec"]["holderIdentity"] == "a"
        keeping.cancel()

    _ends(scenario)


def test_who_never_acquired_may_not_write() -> None:
    async def scenario(server: _Server) -> None:
        with pytest.raises(LeaseLost):
            _lease(server, "a").may_write()

    _ends(scenario)


def test_a_standby_waits_as_long_as_the_leader_renews() -> None:
    async def scenario(server: _Server) -> None:
        keeping = await _kept(_lease(server, "a"))
        standby = asyncio.ensure_future(_lease(server, "b").acquire())
        await asyncio.sleep(600)
        assert not standby.done()
        standby.cancel()
        keeping.cancel()

    _ends(scenario)


def test_a_dead_leader_is_followed_within_twenty_seconds_and_nobody_else_writes_meanwhile() -> None:
    async def scenario(server: _Server) -> None:
        loop = asyncio.get_running_loop()
        first, second = _lease(server, "a"), _lease(server, "b")
        keeping = await _kept(first)
        waiting = asyncio.ensure_future(second.acquire())
        await asyncio.sleep(31)
        keeping.cancel()
        died = loop.time()
        await waiting
        assert loop.time() - died <= 20
        assert not first.leads
        assert second.leads
        assert second.epoch == first.epoch + 1

    _ends(scenario)


def test_writing_stops_one_renewal_before_the_lease_runs_out() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        await lease.acquire()
        await asyncio.sleep(9.9)
        assert lease.may_write() == pytest.approx(5.1)
        await asyncio.sleep(0.1)
        with pytest.raises(LeaseLost):
            lease.may_write()

    _ends(scenario)


def test_a_short_absence_of_the_server_is_survived() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        keeping = await _kept(lease)
        await asyncio.sleep(6)
        server.away = True
        await asyncio.sleep(7)
        server.away = False
        await asyncio.sleep(3)
        assert lease.leads
        assert not keeping.done()
        keeping.cancel()

    _ends(scenario)


def test_a_lease_that_cannot_be_renewed_is_lost() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        keeping = await _kept(lease)
        server.away = True
        began = asyncio.get_running_loop().time()
        with pytest.raises(LeaseLost):
            await keeping
        assert asyncio.get_running_loop().time() - began <= 15
        assert not lease.leads

    _ends(scenario)


def test_a_lease_that_was_taken_is_lost_at_the_next_renewal() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        keeping = await _kept(lease)
        assert server.lease is not None
        taken = copy.deepcopy(server.lease)
        taken["spec"]["holderIdentity"] = "b"
        await server.replace(taken)
        with pytest.raises(LeaseLost, match="held by b"):
            await keeping
        assert not lease.leads

    _ends(scenario)


def test_a_stranger_who_only_labels_the_lease_does_no_harm() -> None:
    async def scenario(server: _Server) -> None:
        lease = _lease(server, "a")
        keeping = await _kept(lease)
        assert server.lease is not None
        await server.replace(copy.deepcopy(server.lease))
        await asyncio.sleep(60)
        assert lease.leads
        assert not keeping.done()
        keeping.cancel()

    _ends(scenario)


def test_a_lease_that_was_given_back_is_taken_at_the_next_look() -> None:
    async def scenario(server: _Server) -> None:
        first, second = _lease(server, "a"), _lease(server, "b")
        keeping = await _kept(first)
        waiting = asyncio.ensure_future(second.acquire())
        await asyncio.sleep(30)
        keeping.cancel()
        await first.release()
        assert not first.leads
        began = asyncio.get_running_loop().time()
        await waiting
        assert asyncio.get_running_loop().time() - began <= 2

    _ends(scenario)


def test_a_server_in_trouble_is_not_asked_as_often() -> None:
    async def scenario(server: _Server) -> None:
        keeping = await _kept(_lease(server, "a"))
        standby = asyncio.ensure_future(_lease(server, "b").acquire())
        keeping.cancel()
        server.away = True
        server.asked = 0
        await asyncio.sleep(60)
        assert 29 <= server.asked <= 31
        standby.cancel()

    _ends(scenario)


def test_of_two_who_ask_at_once_one_gets_it() -> None:
    async def scenario(server: _Server) -> None:
        leases = [_lease(server, "a"), _lease(server, "b")]
        asking = [asyncio.ensure_future(lease.acquire()) for lease in leases]
        await asyncio.sleep(5)
        assert sum(lease.leads for lease in leases) == 1
        for each in asking:
            each.cancel()

    _ends(scenario)
