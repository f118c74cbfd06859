"""Two sides that take turns in short bursts: what slows the machine for a while slows both."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.engine.load import Burst
from bench.engine.prompts import Workload, requests
from bench.engine.servers import Load, Server
from bench.frame.runner import Record

Side = str
OURS: Side = "ours"
PEER: Side = "peer"
_WARM_UP_REQUESTS = 3


@dataclass(frozen=True)
class Cell:
    """One pair of bursts: the same requests for both sides."""

    name: str
    servers: Mapping[Side, Server]
    workload: Workload
    clients: int
    requests: int


# What a side has to record, from its burst in each cell.
Figures = Callable[[Mapping[str, Burst], Mapping[str, Server]], Mapping[str, float]]


class Duel:
    """All cells in a shuffled order, both sides in each, once for every repetition."""

    def __init__(self, cells: Sequence[Cell], figures: Figures, rng: random.Random) -> None:
        self._cells = cells
        self._figures = figures
        self._rng = rng
        # The side that is asked second finds what was measured when the first was.
        self._waiting: dict[Side, Mapping[str, float]] = {}

    def ours(self, record: Record) -> None:
        self._tell(OURS, record)

    def peer(self, record: Record) -> None:
        self._tell(PEER, record)

    def _tell(self, side: Side, record: Record) -> None:
        if side not in self._waiting:
            self._waiting = self._round()
        for row, figure in self._waiting.pop(side).items():
            record(row, figure)

    def _round(self) -> dict[Side, Mapping[str, float]]:
        bursts: dict[Side, dict[str, Burst]] = {OURS: {}, PEER: {}}
        for cell in self._rng.sample(self._cells, len(self._cells)):
            warm_up(list(cell.servers.values()), cell.workload, self._rng)
            load = Load(requests(cell.workload, cell.requests, self._rng), cell.clients, cell.workload.new_tokens)
            for side in self._rng.sample((OURS, PEER), 2):
                bursts[side][cell.name] = cell.servers[side].play(load)
        return {
            side: self._figures(found, {cell.name: cell.servers[side] for cell in self._cells})
            for side, found in bursts.items()
        }


def warm_up(servers: Sequence[Server], workload: Workload, rng: random.Random) -> None:
    """The first requests to a server are slower than all others."""
    for server in servers:
        if not server.running:
            server.start()
            server.play(Load(requests(workload, _WARM_UP_REQUESTS, rng), 2, workload.new_tokens))
