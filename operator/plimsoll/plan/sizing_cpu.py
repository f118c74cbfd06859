"""Threads, requests and limits for a pod, from its estimate and the CPU it may use."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.sizing import BadLoad, Estimate

MOST_CPU_MILLIS = 1_000_000
_SMALL = 4000


@dataclass(frozen=True, slots=True)
class Resources:
    """For a container: request and limit are the same, so that no neighbour's use can end it."""

    memory: int
    cpu_millis: int
    threads: int
    reason: str


def threads_for(cpu_millis: int) -> int:
    """As many threads as the quota feeds. One too many costs far more than one too few: at a quota of one CPU,
    one thread made 179 tokens/s, two 127 and four 58."""
    if not 1 <= cpu_millis <= MOST_CPU_MILLIS:
        raise BadLoad(f"{cpu_millis} thousandths of a CPU cannot be given", fix="ask for at least 1m and at most 1000")
    rounded = (cpu_millis + 500) // 1000 if cpu_millis < _SMALL else cpu_millis // 1000
    return max(1, rounded)


def propose(estimate: Estimate, cpu_millis: int) -> Resources:
    """What to ask for. The memory is the estimate in whole MiB."""
    threads = threads_for(cpu_millis)
    reason = f"{threads} thread{'s' if threads > 1 else ''} for a quota of {cpu_millis / 1000:g} CPU"
    if cpu_millis % 1000:
        reason += "; a whole number of CPUs would waste none"
    return Resources(-(-estimate.total // MIB) * MIB, cpu_millis, threads, reason)
