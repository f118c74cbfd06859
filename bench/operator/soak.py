"""Passes without end: what fifty thousand of them leave behind in memory."""

import asyncio
import itertools
from collections.abc import Sequence

from bench.frame.runner import Record
from bench.operator.audit_tail import AuditTail
from bench.operator.bare import Bare, connect, for_each
from bench.operator.converge import all_ready, create_all
from bench.operator.life import quiet
from bench.operator.running import Running
from bench.operator.stand import OURS, PEER, Stand
from plimsoll.cluster.kinds import MODEL_CONFIG
from tests.support.operator_rights import ACCOUNT

_MODELS = 100
# Until then caches and pools grow to the size that they keep.
_WARM_SHARE = 0.1
# Asked of the operator only now and then.
_ROUND = 1000


class Soak:
    def __init__(self, stand: Stand, running: Running, passes: int) -> None:
        self.stand = stand
        self.running = running
        self.wanted = passes

    def measure(self, record: Record) -> None:
        with self.running.on_fresh_stand():
            record("soak-growth", asyncio.run(self._soak()))

    async def _soak(self) -> float:
        """How much more it holds at the end than when it was warm."""
        tail = AuditTail(self.stand.cluster.audit_log, ACCOUNT)
        names = [f"model-{number:04}" for number in range(_MODELS)]
        async with connect(self.stand.kubeconfig_of_peer(), PEER) as bare:
            await create_all(bare, names, self.running.url)
            await all_ready(bare, self.running, len(names))
            await quiet(tail, self.running)
            await self._touch_until(bare, names, self.wanted * _WARM_SHARE)
            warm = self.running.memory()
            await self._touch_until(bare, names, self.wanted)
        self.running.note(f"{warm} bytes when warm, {self.running.memory()} after {self.running.passes():.0f} passes")
        return max(0, self.running.memory() - warm)

    async def _touch_until(self, bare: Bare, names: Sequence[str], passes: float) -> None:
        """An annotation that means nothing to us changes: a pass has to look, and finds nothing to do."""
        turns = itertools.cycle(names)
        counter = itertools.count()

        async def touch(name: str) -> None:
            change = {"metadata": {"annotations": {"example.com/touched": str(next(counter))}}}
            await bare.merge(MODEL_CONFIG, OURS, name, change)

        while self.running.passes() < passes:
            await for_each(itertools.islice(turns, _ROUND), touch)
