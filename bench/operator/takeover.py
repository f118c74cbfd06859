"""The leader is killed; how long until the one that waited writes."""

import asyncio
import time

from bench.frame.runner import Record
from bench.operator.audit_tail import AuditTail
from bench.operator.bare import connect
from bench.operator.converge import all_ready, create_all
from bench.operator.life import answered, quiet
from bench.operator.running import Running
from bench.operator.stand import OURS, PEER, Stand
from plimsoll.cluster.kinds import SERVICE
from tests.support.operator_rights import ACCOUNT

_MODELS = 5


class Takeover:
    def __init__(self, stand: Stand, running: Running, standby: Running) -> None:
        self.stand = stand
        self.running = running
        self.standby = standby

    def measure(self, record: Record) -> None:
        with self.running.on_fresh_stand():
            self.standby.start()
            try:
                record("takeover", asyncio.run(self._kill()))
            finally:
                self.standby.stop()

    async def _kill(self) -> float:
        """Something is missing from the moment of the kill on, so that whoever leads has to write."""
        tail = AuditTail(self.stand.cluster.audit_log, ACCOUNT)
        names = [f"model-{number}" for number in range(_MODELS)]
        async with connect(self.stand.kubeconfig_of_peer(), PEER) as bare:
            await create_all(bare, names, self.running.url)
            await all_ready(bare, self.running, len(names))
            await quiet(tail, self.running)
            killed = time.time()
            self.running.kill()
            await bare.delete(SERVICE, OURS, names[0])
            return await answered(tail, self.standby, "services", names[0]) - killed
