"""The host and the commit that figures belong to: without them a figure means nothing."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.frame.errors import BenchError


@dataclass(frozen=True)
class Host:
    processor: str
    cores: int  # that the machine has
    cores_used: int  # that the bench and all it starts may use
    memory_bytes: int
    kernel: str

    def __str__(self) -> str:
        cores = f"{self.cores} cores" if self.cores == self.cores_used else f"{self.cores_used} of {self.cores} cores"
        return f"{self.processor}, {cores}, {self.memory_bytes / 2**30:.0f} GiB, Linux {self.kernel}"


@dataclass(frozen=True)
class Source:
    commit: str
    dirty: bool

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}{' with uncommitted changes' if self.dirty else ''}"


def read_host(proc: Path = Path("/proc")) -> Host:
    return Host(
        processor=read_field(proc / "cpuinfo", "model name") or platform.machine(),
        cores=os.cpu_count() or 1,
        cores_used=len(os.sched_getaffinity(0)),
        memory_bytes=int(read_field(proc / "meminfo", "MemTotal").split()[0]) * 1024,
        kernel=platform.release(),
    )


def read_field(file: Path, name: str) -> str:
    """The first `name: value` line of a file of the kernel; empty where there is none, as on some processors."""
    for line in file.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def read_source(root: Path) -> Source:
    """The commit that is checked out, and whether the tree differs from it."""
    return Source(commit=ask_git(root, "rev-parse", "HEAD"), dirty=bool(ask_git(root, "status", "--porcelain")))


def ask_git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchError(f"figures name their commit, so run benches in a Git checkout: {answer.stderr.strip()}")
    return answer.stdout.strip()


def use_cores(wanted: int) -> None:
    """Keep this process and all it starts to so many cores, so that a bar for a small machine is met on a large one."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:wanted])
