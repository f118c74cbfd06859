"""How much memory this process may take, by its control group."""

from __future__ import annotations

from pathlib import Path

from plimsoll.runtime.threads import control_groups, lines_of

# What version 1 says where there is no limit is a number of pages near to 2**63.
_NO_LIMIT = 1 << 60


def memory_limit(proc: Path = Path("/proc/self"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """In bytes: the smallest limit of this process's control group and of those above it."""
    limits = [
        int(line)
        for folder in control_groups("memory", proc, cgroups)
        for name in ("memory.max", "memory.limit_in_bytes")
        for line in lines_of(folder / name)
        if line.isdigit() and int(line) < _NO_LIMIT
    ]
    return min(limits, default=None)
