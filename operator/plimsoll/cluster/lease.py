"""One writer at a time: a Lease, checked by a monotonic clock before every write.

The client of Kubernetes has an election too. It reads the wall clock, which may jump, and tells that the lease was lost
only when it has run out; here writing stops one renewal before that, so that two can never write at the same time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, Conflict, Forbidden, NotFound
from plimsoll.cluster.kinds import LEASE, Object
from plimsoll.errors import UserError

_log = logging.getLogger(__name__)


class LeaseLost(UserError):
    def __init__(self, message: str) -> None:
        super().__init__(message, fix="nothing: the process ends, and a new one waits for the lease")


@dataclass(frozen=True)
class Terms:
    """In seconds. Who takes over waits for `duration` and looks every `look`: together the longest time without."""

    duration: float = 15.0
    renewal: float = 5.0
    # Who ends gives the lease back, and nothing is written until that is seen.
    look: float = 0.5
    # After trouble.
    retry: float = 2.0


@dataclass(frozen=True)
class Place:
    """Where the Lease lies, and who we are in it."""

    namespace: str
    name: str
    identity: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Lease:
    def __init__(
        self, client: Client, place: Place, terms: Terms = Terms(), wall_clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._client = client
        self._place = place
        self._terms = terms
        self._wall_clock = wall_clock
        self._held: Object | None = None
        self._held_until = 0.0

    @property
    def leads(self) -> bool:
        return self._held is not None and self._left() > self._terms.renewal

    @property
    def object(self) -> Object | None:
        """As it was last written; None for who does not hold it."""
        return self._held

    @property
    def epoch(self) -> int:
        """Grows with every change of hands."""
        return int(self._held["spec"]["leaseTransitions"]) if self._held else 0

    def may_write(self) -> float:
        """How long a write that begins now may take; LeaseLost when none may begin."""
        if not self.leads:
            raise LeaseLost("the lease was not renewed in time, so nothing is written any more")
        return self._left()

    async def acquire(self) -> None:
        """Returns as the leader, however long that takes."""
        seen: tuple[str, float] | None = None
        while self._held is None:
            pause = self._terms.look
            try:
                async with asyncio.timeout(self._terms.renewal):
                    seen = await self._try(seen)
            except (ClusterError, TimeoutError) as error:
                level = logging.ERROR if isinstance(error, Forbidden) else logging.WARNING
                _log.log(level, "the lease cannot be taken now: %s", error)
                pause = self._terms.retry
            if self._held is None:
                await asyncio.sleep(pause)

    async def keep(self) -> None:
        """Renews for ever; LeaseLost when that is no longer possible."""
        while True:
            await asyncio.sleep(min(self._terms.renewal, max(self._left() - self._terms.renewal, 0)))
            await self._renew()

    async def release(self) -> None:
        """So that another need not wait; best effort, as it would run out anyway."""
        if self._held is None:
            return
        held, self._held = self._held, None
        try:
            async with asyncio.timeout(self._terms.renewal):
                await self._client.replace({**held, "spec": {**held["spec"], "holderIdentity": ""}})
        except (ClusterError, TimeoutError) as error:
            _log.warning("the lease could not be given back: %s", error)

    async def _try(self, seen: tuple[str, float] | None) -> tuple[str, float] | None:
        """One look. What is returned is the version that was seen, and when it was seen first."""
        began = asyncio.get_running_loop().time()
        try:
            lease = await self._client.get(LEASE, self._place.namespace, self._place.name)
        except NotFound:
            await self._take(self._new(), self._client.create, began)
            return None
        spec = lease.get("spec") or {}
        # Every renewal makes a new version, also where the clocks of two machines differ.
        version = lease["metadata"]["resourceVersion"]
        if seen is None:
            _log.info("the lease is held by %s", spec.get("holderIdentity") or "nobody")
        if seen is None or seen[0] != version:
            seen = (version, began)
        free = not spec.get("holderIdentity")
        if free or began - seen[1] >= float(spec.get("leaseDurationSeconds") or self._terms.duration):
            successor = {**lease, "spec": self._spec(int(spec.get("leaseTransitions") or 0) + 1)}
            await self._take(successor, self._client.replace, began)
        return seen

    async def _take(self, wanted: Object, write: Callable[..., Awaitable[Object]], began: float) -> None:
        try:
            answer = await write(wanted)
        except Conflict:
            _log.info("somebody else took the lease first")
            return
        self._held = answer
        self._held_until = began + self._terms.duration

    async def _renew(self) -> None:
        assert self._held is not None, "only what was acquired is renewed"
        loop = asyncio.get_running_loop()
        began = loop.time()
        if self._left() <= 0:
            raise LeaseLost("the lease ran out before it could be renewed")
        try:
            async with asyncio.timeout(self._terms.renewal):
                spec = {**self._held["spec"], "renewTime": self._now()}
                self._held = await self._client.replace({**self._held, "spec": spec})
            self._held_until = began + self._terms.duration
        except Conflict:
            await self._look_again()
        except (ClusterError, TimeoutError) as error:
            _log.warning("the lease could not be renewed: %s", error)
            await asyncio.sleep(min(self._terms.retry, max(self._left(), 0)))

    async def _look_again(self) -> None:
        """Somebody wrote into the Lease: harmless as long as it still names us."""
        try:
            lease = await self._client.get(LEASE, self._place.namespace, self._place.name)
        except ClusterError as error:
            _log.warning("the lease could not be read: %s", error)
            return
        if (lease.get("spec") or {}).get("holderIdentity") != self._place.identity:
            self._held_until = 0.0
            raise LeaseLost(f"the lease is held by {lease['spec'].get('holderIdentity') or 'nobody'} now")
        self._held = lease

    def _left(self) -> float:
        return self._held_until - asyncio.get_running_loop().time()

    def _new(self) -> Object:
        metadata = {"namespace": self._place.namespace, "name": self._place.name}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": self._spec(0)}

    def _spec(self, transitions: int) -> Object:
        return {
            "holderIdentity": self._place.identity,
            "leaseDurationSeconds": round(self._terms.duration),
            "acquireTime": self._now(),
            "renewTime": self._now(),
            "leaseTransitions": transitions,
        }

    def _now(self) -> str:
        return self._wall_clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
