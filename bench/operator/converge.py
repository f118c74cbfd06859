"""From so many ModelConfigs to everything that belongs to them, beside a loop that only applies."""

import asyncio
import time
from collections.abc import Sequence

from bench.frame.errors import BenchError
from bench.frame.runner import Record
from bench.operator.audit_tail import AuditTail
from bench.operator.bare import Bare, connect, for_each
from bench.operator.models import FirstWrites, model
from bench.operator.peer import Applied, apply_all, read_back
from bench.operator.running import Running
from bench.operator.stand import OURS, PEER, PEERS, Stand
from bench.operator.waiting import until
from plimsoll.cluster.kinds import MODEL_CONFIG
from tests.support.operator_rights import ACCOUNT
from tools.cluster.process import wait_until

# Far above the bar, so that a miss is measured and not cut off.
LIMIT = 900.0
# A whole list costs the server time that is measured.
_LIST_PAUSE = 2.0
_LOG_SECONDS = 30.0
_LOG_PAUSE = 0.25


class Convergence:
    """Ours and the loop in turn, each on a fresh cluster; the loop applies what ours had applied in the end."""

    def __init__(self, stand: Stand, running: Running, count: int) -> None:
        self.stand = stand
        self.running = running
        self.names = [f"model-{number:04}" for number in range(count)]
        self._applied: Applied | None = None

    def measure_ours(self, record: Record) -> None:
        with self.running.on_fresh_stand():
            seconds = asyncio.run(self._ours())
        for row in ("converge", "converge-to-bare-loop"):
            record(row, seconds)

    async def _ours(self) -> float:
        tail = AuditTail(self.stand.cluster.audit_log, ACCOUNT)
        async with connect(self.stand.kubeconfig_of_peer(), PEER) as bare:
            began = time.time()
            await create_all(bare, self.names, self.running.url)
            firsts = FirstWrites(OURS, self.names)
            await first_writes(tail, self.running, firsts)
            if self._applied is None:
                await all_ready(bare, self.running, len(self.names))
                self._applied = await read_back(bare, OURS)
        return firsts.last() - began

    def measure_peer(self, record: Record) -> None:
        if self._applied is None:
            raise BenchError("ours has to go first once: the loop applies what it had applied")
        self.stand.up()
        seconds = asyncio.run(self._peer(self._applied))
        for row in ("converge", "converge-to-bare-loop"):
            record(row, seconds)

    async def _peer(self, applied: Applied) -> float:
        tail = AuditTail(self.stand.cluster.audit_log, PEER)
        firsts = FirstWrites(PEERS, self.names)
        async with connect(self.stand.kubeconfig_of_peer(), PEER) as bare:
            began = time.time()
            await apply_all(bare, applied, PEERS)
        # The log is a little behind.
        if not wait_until(lambda: firsts.take(tail.catch_up()), _LOG_SECONDS, _LOG_PAUSE):
            raise BenchError(firsts.missing())
        return firsts.last() - began


async def create_all(bare: Bare, names: Sequence[str], url: str) -> None:
    await for_each(names, lambda name: bare.create(model(OURS, name, url)))


async def first_writes(tail: AuditTail, running: Running, firsts: FirstWrites) -> None:
    """Until every part of these models was written."""

    async def complete() -> bool:
        return firsts.take(tail.catch_up())

    await until(complete, running, LIMIT, firsts.missing)


async def all_ready(bare: Bare, running: Running, count: int) -> None:
    """Until every model is served."""
    ready = 0

    async def every_one() -> bool:
        nonlocal ready
        await asyncio.sleep(_LIST_PAUSE)
        ready = sum(_ready(each) for each in await bare.list(MODEL_CONFIG, OURS))
        return ready == count

    await until(every_one, running, LIMIT, lambda: f"{ready} of {count} models were Ready")


def _ready(found: dict[str, object]) -> bool:
    status = found.get("status", {})
    assert isinstance(status, dict)
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))
