"""The other load of the machine: what everything that is not this bench did to the processors meanwhile."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
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
    used: int  # processor time of its own, in ticks
    waited_for: int  # of children that have ended
    kernel: bool
    # An ancestor of the bench inherits the time of daemons that the bench ended, which is not load of others.
    adopts: bool = False

    @property
    def ticks(self) -> int:
        return self.used if self.adopts else self.used + self.waited_for


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
    own, adopters = find_own(processes, roots), find_ancestors(processes, roots)
    return Moment(
        total=user + nice + system + idle + iowait + irq + softirq + stolen,
        idle=idle + iowait,
        stolen=stolen,
        average=float((proc / "loadavg").read_text().split()[0]),
        others={
            pid: replace(process, adopts=pid in adopters)
            for pid, process in processes.items()
            if pid not in own and not process.kernel
        },
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
    # A shell that began the bench and went on without it was an ancestor at one of the moments only.
    adopters = {pid for moment in (before, after) for pid, process in moment.items() if process.adopts}
    before, after = (
        {pid: replace(process, adopts=pid in adopters) for pid, process in moment.items()} for moment in (before, after)
    )
    used = {pid: process.ticks for pid, process in after.items()}
    for pid, process in before.items():
        heir = find_heir(pid, before, after)
        # The time of a process that has ended went over to its heir as a whole; only what it used since counts.
        if heir is not None:
            used[heir] -= process.ticks
    return sum(max(ticks, 0) for ticks in used.values())


def find_heir(pid: int, before: Mapping[int, Process], after: Mapping[int, Process]) -> int | None:
    """The process itself if it still runs, else the nearest of its parents that still runs and inherits its time."""
    asked = pid
    while asked in before:
        if asked in after and after[asked].started == before[asked].started:
            return None if asked != pid and after[asked].adopts else asked
        asked = before[asked].parent
    return None


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


def find_ancestors(processes: Mapping[int, Process], roots: set[int]) -> set[int]:
    """Parents of the roots, and theirs."""
    ancestors: set[int] = set()
    for root in roots & processes.keys():
        pid = processes[root].parent
        while pid in processes and pid not in ancestors:
            ancestors.add(pid)
            pid = processes[pid].parent
    return ancestors


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
            used=int(fields[11]) + int(fields[12]),
            waited_for=int(fields[13]) + int(fields[14]),
            kernel=bool(int(fields[6]) & KERNEL_THREAD),
        )
    return processes
