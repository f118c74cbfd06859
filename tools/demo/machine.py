"""Whether this machine can run the demo, and what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_GIB = 1 << 30
_DISK, _DISK_AGAIN, _MEMORY = 8, 1, 4
_OTHERS = "`make test` still runs the tiers units, runtime, gateway, api and control"


@dataclass(frozen=True)
class Machine:
    """`disk` is free, `memory` is all there is, in bytes; `engine` is a container engine that answers."""

    linux: bool
    root: bool
    engine: str | None
    disk: int
    memory: int

    def words(self) -> str:
        who = "root" if self.root else f"{self.engine} answers"
        return f"Linux, {who}, {self.disk / _GIB:.0f} GiB of disk free, {self.memory / _GIB:.0f} GiB of memory"


def look(root: Path) -> Machine:
    """At this machine as it is now."""
    linux, superuser = sys.platform == "linux", os.geteuid() == 0
    engine = None if superuser else _engine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(linux, superuser, engine, shutil.disk_usage(root).free, memory)


def lacking(machine: Machine, *, again: bool) -> str:
    """One sentence; empty when nothing is missing. What an earlier run built needs no room any more."""
    disk = _DISK_AGAIN if again else _DISK
    lacks = [
        words
        for words, there in (
            ("Linux", machine.linux),
            ("root, or a container engine that answers (docker or podman, with kind)", machine.root or machine.engine),
            (f"{disk} GiB of free disk ({machine.disk / _GIB:.1f} are free)", machine.disk >= disk * _GIB),
            # A machine that is sold with 4 GiB shows a little less.
            (f"4 GiB of memory (it has {machine.memory / _GIB:.1f})", machine.memory >= (_MEMORY - 0.3) * _GIB),
        )
        if not there
    ]
    return f"This machine lacks {' and '.join(lacks)}; without it {_OTHERS}." if lacks else ""


def _engine(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """A command alone cannot run a container."""
    for command in ("docker", "podman"):
        if which(command) and which("kind"):
            try:
                done = subprocess.run([command, "info"], check=False, capture_output=True, timeout=20)
            except subprocess.TimeoutExpired:
                continue
            if done.returncode == 0:
                return command
    return None
