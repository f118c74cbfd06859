"""A scenario, run once in peace and then killed at chosen writes: the world has to end the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.api_calls import the_write
from tests.support.api_faults import Fault, Strike, When
from tests.support.api_proxy import ApiProxy
from tests.support.operator_process import OperatorProcess


@dataclass(frozen=True)
class KillPoint:
    """Just before the API server learns of the n-th write, or just after it has done it and before the answer."""

    when: When
    write: int

    def __str__(self) -> str:
        return f"{self.when}-write-{self.write}"


def kill_points(most: int) -> Sequence[KillPoint]:
    """Both sides of every write up to this one."""
    return [KillPoint(when, write) for write in range(1, most + 1) for when in ("before", "after")]


def run_killed(process: OperatorProcess, proxy: ApiProxy, point: KillPoint, scenario: Callable[[], None]) -> bool:
    """The scenario to its end, with a crash of the process at this point; whether the point was reached.

    Writes are numbered from here on. The process lives again at once: dead, it would never come to the end.
    """
    proxy.journal.restart()
    fault = proxy.faults.add(Fault(the_write(point.write), Strike(process.crash), point.when))
    if not process.alive:
        process.start()
    process.wait_ready()
    scenario()
    proxy.faults.remove(fault)
    return fault.spent.is_set()
