"""Results: the figures of a row, their median and spread, and the verdict of its gate."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.frame.gates import Gate
from bench.frame.load import Load


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    RECORDED = "recorded"
    NOT_IN_QUICK = "not run in quick"


@dataclass(frozen=True)
class Row:
    """What one gate got: every figure in base units, so that nothing has to be measured again to be doubted."""

    gate: Gate
    ours: tuple[float, ...] = ()
    peer_name: str | None = None
    peer: tuple[float, ...] = ()
    loads: tuple[Load, ...] = ()
    verdict: Verdict = Verdict.FAILED
    reason: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.ours) if self.ours else None

    @property
    def peer_median(self) -> float | None:
        return statistics.median(self.peer) if self.peer else None

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours over the peer's, pair by pair: what slows the machine for a while slows both of a pair."""
        pairs = zip(self.ours, self.peer, strict=False)
        return tuple(ours / peer for ours, peer in pairs if peer)

    @property
    def ratio(self) -> float | None:
        return statistics.median(self.ratios) if self.ratios else None


def judge(row: Row, trouble: str) -> tuple[Verdict, str]:
    """The verdict of a measured row and its reason; what could not be measured in full has failed."""
    if trouble:
        return Verdict.FAILED, trouble
    gate = row.gate
    if gate.value is None:
        return Verdict.RECORDED, ""
    if not gate.holds_here(row.peer_median):
        return Verdict.RECORDED, f"the bar holds where {row.peer_name} reaches {gate.from_peer:g} {gate.unit}"
    missed = _missed(row)
    return (Verdict.FAILED, missed) if missed else (Verdict.PASSED, "")


def _missed(row: Row) -> str:
    """How the bar is missed; empty when it is cleared."""
    gate = row.gate
    if gate.relative and len(row.ratios) < len(row.ours):
        return f"{row.peer_name} measured 0, so there is no ratio"
    decisive = row.ratio if gate.relative else row.median
    if decisive is None:
        return "nothing was measured"
    if gate.clears(decisive):
        return ""
    shown = f"{decisive:.4g} x peer" if gate.relative else gate.show(decisive)
    return f"the median {shown} is not {gate.wanted()}"


def count(rows: Sequence[Row], verdict: Verdict) -> int:
    return sum(row.verdict is verdict for row in rows)


def summary(rows: Sequence[Row]) -> str:
    """The last line of every bench."""
    return f"{count(rows, Verdict.PASSED)} passed, {count(rows, Verdict.FAILED)} failed"
