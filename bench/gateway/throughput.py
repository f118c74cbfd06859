"""Requests with an answer in one piece, as many as there can be: ours beside somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bench.frame.runner import Record
from bench.gateway.load import Load
from bench.gateway.stand import Run, Side

Figure = Literal["rate", "work"]


class Throughput:
    """Both sides are up, and each asks for its own turn."""

    def __init__(self, ours: Side, peer: Side, load: Load, rows: Mapping[str, Figure]) -> None:
        self._sides = {"ours": ours, "peer": peer}
        self._load = load
        self._rows = rows

    def ours(self, record: Record) -> None:
        self._measure("ours", record)

    def peer(self, record: Record) -> None:
        self._measure("peer", record)

    def _measure(self, side: str, record: Record) -> None:
        one = self._sides[side]
        one.stand.only(list(self._sides.values()))
        run = one.run(self._load)
        for row, figure in self._rows.items():
            record(row, of(run, figure))


def of(run: Run, figure: Figure) -> float:
    return run.report.per_second if figure == "rate" else run.work
