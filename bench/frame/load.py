"""The other load of the machine: what everything that is not this bench did to the processors meanwhile."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

KERNEL_THREAD = 0x00200000  # PF_KTHREAD in the flags of a process


@dataclass(frozen=True)
class Load:
    """Shares are of all processors of the machine, from 0 to 1, over the time of one repetition."""

    average: float  # the kernel's load average over one minute, as it stood at the beginning
    busy: float
    others: float  # processes that belong to neither the bench nor the kernel
    stolen: float  # taken by the host of a virtual machine


# Pids of daemons that belong to what is measured, although they have left the family of the bench.
Daemons = Callable[[], Iterable[int]]
# Called when a repetition begins; what it gives back is called when the repetition ends.
WatchLoad = Callable[[Daemons], Callable[[], Load]]


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    started: int
    ticks: int  # processor time of its own and of the children it has waited for
    kernel: bool


@dataclass(frozen=True)
class Moment:
    total: int
    idle: int
    stolen: int
    average: float
    others: Mapping[int, Process]


def watch_load(daemons: Daemons, proc: Path = Path("/proc")) -> Callable[[], Load]:
    """Watch from now on. This process, the daemons, and all that they start are not others."""
    before = observe(proc, {os.getpid(), *daemons()})
    return lambda: compare(before, observe(proc, {os.getpid(), *daemons()}))


def observe(proc: Path, roots: set[int]) -> Moment:
    user, nice, system, idle, iowait, irq, softirq, stolen = read_processors(proc)
    processes = read_processes(proc)
    own = find_own(processes, roots)
    return Moment(
        total=user + nice + system + idle + iowait + irq + softirq + stolen,
        idle=idle + iowait,
        stolen=stolen,
        average=float((proc / "loadavg").read_text().split()[0]),
        others={pid: process for pid, process in processes.items() if pid not in own and not process.kernel},
    )


def compare(before: Moment, after: Moment) -> Load:
    """What happened between two moments."""
    total = max(after.total - before.total, 1)
    idle, stolen = after.idle - before.idle, after.stolen - before.stolen
    return Load(
        average=before.average,
        busy=share(total - idle - stolen, total),
        others=share(ticks_of_others(before.others, after.others), total),
        stolen=share(stolen, total),
    )


def share(part: int, total: int) -> float:
    return round(min(max(part / total, 0.0), 1.0), 4)


def ticks_of_others(before: Mapping[int, Process], after: Mapping[int, Process]) -> int:
    """Processor time that others used in between, also by processes that came or went meanwhile."""
    ticks = 0
    for pid, process in after.items():
        # Process 1 inherits the time of daemons that the bench ended: that is not the load of others.
        if pid == 1:
            continue
        earlier = before.get(pid)
        same = earlier is not None and earlier.started == process.started
        ticks += process.ticks - (earlier.ticks if earlier is not None and same else 0)
    for pid, process in before.items():
        # Its whole time went over to the parent that waited for it; only what it used since counts.
        if pid not in after and process.parent in after and process.parent != 1:
            ticks -= process.ticks
    return ticks


def find_own(processes: Mapping[int, Process], roots: set[int]) -> set[int]:
    """The roots and all their descendants."""
    own: set[int] = set()
    others: set[int] = set()
    for each in processes:
        pid, line = each, list[int]()
        while pid in processes and pid not in own and pid not in others:
            line.append(pid)
            if pid in roots:
                own.add(pid)
                break
            pid = processes[pid].parent
        (own if pid in own else others).update(line)
    return own


def read_processors(proc: Path) -> tuple[int, ...]:
    first = (proc / "stat").read_text().splitlines()[0]
    return tuple(int(field) for field in first.split()[1:9])


def read_processes(proc: Path) -> dict[int, Process]:
    processes = {}
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "stat").read_text()
        except OSError:  # it ended while we looked
            continue
        # The name stands in parentheses and may hold spaces and parentheses itself.
        fields = line.rpartition(")")[2].split()
        processes[int(folder.name)] = Process(
            pid=int(folder.name),
            parent=int(fields[1]),
            started=int(fields[19]),
            ticks=sum(int(field) for field in fields[11:15]),
            kernel=bool(int(fields[6]) & KERNEL_THREAD),
        )
    return processes
