"""Processes that this tool started: recorded before they run, told from later owners of their pid, ended by pid."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.shell import ask

_LAUNCHER = Path(__file__).with_name("launch.py")
_HAS_PROC = Path("/proc/self/stat").exists()


@dataclass(frozen=True)
class Order:
    """What to start; with `mounts` as the first process of new namespaces, with `enter` inside those of another."""

    component: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Sequence[str]] | None = None
    enter: int | None = None


@dataclass(frozen=True)
class Process:
    component: str
    pid: int
    born: str
    log_from: int = 0

    def alive(self) -> bool:
        return bool(self.born) and birth_of(self.pid) == self.born

    def resident_bytes(self) -> int:
        """Resident memory; 0 once it has ended."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)

    def signal(self, number: signal.Signals) -> None:
        """Only while the pid still is this process: a handle taken before the check cannot move to another one."""
        if not hasattr(os, "pidfd_open"):
            if self.alive():
                os.kill(self.pid, number)
            return
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive():
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


class ProcessTable:
    """The records of one cluster, a file each."""

    def __init__(self, records: Path, logs: Path) -> None:
        self._records = records
        self._logs = logs

    def log(self, component: str) -> Path:
        return self._logs / f"{component}.log"

    def get(self, component: str) -> Process | None:
        try:
            return Process(**json.loads((self._records / f"{component}.json").read_text()))
        except FileNotFoundError:
            return None

    def all(self) -> list[Process]:
        found = (self.get(path.stem) for path in sorted(self._records.glob("*.json")))
        return [process for process in found if process]

    def alive(self, component: str) -> bool:
        process = self.get(component)
        return process is not None and process.alive()

    def start(self, order: Order) -> Process:
        described = {
            "component": order.component,
            "argv": list(order.argv),
            "env": {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | dict(order.env),
            "log": str(self.log(order.component)),
            "record": str(self._records / f"{order.component}.json"),
            "cwd": "/",
            "enter": order.enter,
            "mounts": order.mounts,
        }
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(described)]
        done = ask(launcher)
        started = self.get(order.component)
        if done.returncode != 0 or started is None:
            raise ComponentFailed(order.component, "could not be started", str(self.log(order.component)), done.stderr)
        return started

    def stop(self, process: Process, patience: float) -> None:
        """Asks, waits, then insists; forgets the process only when it has ended."""
        process.signal(signal.SIGTERM)
        if not wait_until(lambda: not process.alive(), patience):
            process.signal(signal.SIGKILL)
        if not wait_until(lambda: not process.alive(), 15):
            raise ClusterError(
                f"{process.component} (pid {process.pid}) does not end; look at it, then run `down` again."
            )
        (self._records / f"{process.component}.json").unlink(missing_ok=True)

    def said(self, process: Process) -> str:
        """What it logged since its start: a log goes on over many starts."""
        try:
            with self.log(process.component).open("rb") as log:
                log.seek(process.log_from)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def tail(self, component: str, lines: int) -> str:
        try:
            return "\n".join(self.log(component).read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def birth_of(pid: int) -> str:
    """When a process began, in the kernel's own count; empty when it has ended, also as a zombie."""
    if not _HAS_PROC:
        answer = ask(["ps", "-o", "lstart=,stat=", "-p", str(pid)]).stdout
        return "" if " Z" in answer else answer.strip()[:24]
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def wait_until(condition: Callable[[], bool], patience: float, pause: float = 0.02) -> bool:
    limit = time.monotonic() + patience
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
    return True
