"""What an operator does all day with a thousand models in place: more of them, damage, nothing at all, a restart."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.frame.runner import Record
from bench.operator.audit_tail import AuditTail
from bench.operator.bare import Bare, connect
from bench.operator.converge import all_ready, create_all, first_writes
from bench.operator.models import CHILDREN, FirstWrites, model
from bench.operator.running import Running
from bench.operator.stand import OURS, PEER, Stand
from bench.operator.waiting import until
from plimsoll.cluster.kinds import DEPLOYMENT, SERVICE
from tests.support.operator_rights import ACCOUNT

_PER_SECOND = 5
_LIMIT = 60.0
# Deployments and pods go on for a while after the last model has become Ready.
_QUIET_SECONDS = 15.0
_QUIET_LIMIT = 300.0


@dataclass(frozen=True)
class Amounts:
    models: int
    added: int
    damaged: int
    idle_seconds: float


class Life:
    """One repetition is one life: every row is measured on the same operator."""

    def __init__(self, stand: Stand, running: Running, amounts: Amounts) -> None:
        self.stand = stand
        self.running = running
        self.amounts = amounts

    def measure(self, record: Record) -> None:
        with self.running.on_fresh_stand():
            asyncio.run(self._live(record))
            record("memory", self.running.peak_bytes)

    async def _live(self, record: Record) -> None:
        tail = AuditTail(self.stand.cluster.audit_log, ACCOUNT)
        names = [f"model-{number:04}" for number in range(self.amounts.models)]
        async with connect(self.stand.kubeconfig_of_peer(), PEER) as bare:
            began = time.time()
            await create_all(bare, names, self.running.url)
            await all_ready(bare, self.running, len(names))
            record("all-ready", time.time() - began)
            await quiet(tail, self.running)
            record("added", p95(await self._add(bare, tail)))
            await quiet(tail, self.running)
            record("repaired", p95(await self._damage(bare, tail, names)))
            await quiet(tail, self.running)
            record("idle-writes", await self._writes_meanwhile(tail))
            self.running.restart()
            record("restart-writes", await self._writes_meanwhile(tail))

    async def _add(self, bare: Bare, tail: AuditTail) -> list[float]:
        """Sent when it is planned, whatever became of the one before, and counted from then."""
        names = [f"added-{number:04}" for number in range(self.amounts.added)]
        first = time.time() + 1
        planned = {name: first + number / _PER_SECOND for number, name in enumerate(names)}

        async def send(name: str) -> None:
            await asyncio.sleep(planned[name] - time.time())
            await bare.create(model(OURS, name, self.running.url))

        firsts = FirstWrites(OURS, names, CHILDREN)
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(send(name))
        await first_writes(tail, self.running, firsts)
        return firsts.waits(planned)

    async def _damage(self, bare: Bare, tail: AuditTail, names: Sequence[str]) -> list[float]:
        """A Service is deleted or a Deployment edited, one after the other, and each time the answer is waited for."""
        deployments = {
            each["metadata"]["labels"]["plimsoll.dev/modelconfig"]: each["metadata"]["name"]
            for each in await bare.list(DEPLOYMENT, OURS)
        }
        waits = []
        for number, name in enumerate(names[:: len(names) // self.amounts.damaged]):
            tail.catch_up()
            began = time.time()
            if number % 2:
                resource, target = "services", name
                await bare.delete(SERVICE, OURS, name)
            else:
                resource, target = "deployments", deployments[name]
                await bare.merge(DEPLOYMENT, OURS, target, {"spec": {"progressDeadlineSeconds": 77}})
            waits.append(await answered(tail, self.running, resource, target) - began)
        return waits

    async def _writes_meanwhile(self, tail: AuditTail) -> int:
        tail.catch_up()
        await asyncio.sleep(self.amounts.idle_seconds)
        new = tail.catch_up()
        for write in new[:10]:
            self.running.note(f"written while nothing was to do: {write}")
        return len(new)


async def answered(tail: AuditTail, running: Running, resource: str, name: str) -> float:
    """When the operator next wrote this object."""

    async def times() -> list[float]:
        return [each.at for each in tail.catch_up() if (each.resource, each.name) == (resource, name)]

    return (await until(times, running, _LIMIT, lambda: f"{resource} {name} was not put back"))[0]


async def quiet(tail: AuditTail, running: Running) -> None:
    """Until the operator has written nothing for a while."""
    since = time.monotonic()

    async def at_rest() -> bool:
        nonlocal since
        await asyncio.sleep(0.5)
        if tail.catch_up():
            since = time.monotonic()
        return time.monotonic() - since >= _QUIET_SECONDS

    await until(at_rest, running, _QUIET_LIMIT, lambda: f"the operator went on writing: {tail.writes[-1]}")


def p95(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=20, method="inclusive")[-1]
