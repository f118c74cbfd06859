"""How many threads compute, where nobody said so: as many as the CPU quota of this process feeds."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_FEW = 4


def thread_count(affinity: int, quota: float | None) -> int:
    """More threads than the quota feeds are throttled together, and one at a time waits for all the others."""
    budget = affinity if quota is None else min(affinity, quota)
    whole = math.floor(budget + 0.5) if budget < _FEW else math.floor(budget)
    return max(1, whole)


def available_threads(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    return thread_count(len(os.sched_getaffinity(0)), cpu_quota(proc, cgroups))


def cpu_quota(proc: Path, cgroups: Path) -> float | None:
    """In CPUs: the smallest quota of this process's control group and of those above it."""
    quotas = [quota for folder in control_groups("cpu", proc, cgroups) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def control_groups(controller: str, proc: Path, cgroups: Path) -> Iterator[Path]:
    """Within a container the paths may begin outside of what is mounted; the mounted root is asked in any case."""
    for line in lines_of(proc / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroups / controller if controllers else cgroups
        folder = root / path.lstrip("/")
        while folder != root and root in folder.parents:
            yield folder
            folder = folder.parent
        yield root


def _quota(folder: Path) -> float | None:
    for line in lines_of(folder / "cpu.max"):
        quota, _, period = line.partition(" ")
        return None if quota == "max" else int(quota) / int(period or 100_000)
    for quota in lines_of(folder / "cpu.cfs_quota_us"):
        for period in lines_of(folder / "cpu.cfs_period_us"):
            return int(quota) / int(period) if int(quota) > 0 else None
    return None


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
