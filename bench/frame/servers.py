"""Servers as processes of a bench: started when they are first asked, watched, and ended with it."""

import http.client
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.frame.errors import BenchError
from bench.frame.host import read_field
from tools.cluster.process import Order, Process, ProcessTable, wait_until

_START_SECONDS = 120.0
_END_SECONDS = 15.0
_LOOK_EVERY = 0.005
_LAST_LINES = 15


@dataclass(frozen=True)
class Launch:
    """How a server is started. `label` is in the names of its log and its record."""

    name: str
    label: str
    ready_path: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_port: int | None = None  # where it is another one


class Launcher(Protocol):
    def __call__(self, port: int) -> Launch: ...


class Server:
    """One server, on a port of its own each time that it is started."""

    def __init__(self, table: ProcessTable, launcher: Launcher) -> None:
        self._table = table
        self._launcher = launcher
        self._launch: Launch | None = None
        self._process: Process | None = None
        self.port = 0

    @property
    def process(self) -> Process:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Over when it says that it is ready."""
        self.port = free_port()
        launch = self._launch = self._launcher(self.port)
        component = f"{launch.label}-{self.port}"
        self._process = self._table.start(Order(component, launch.command, launch.environment))
        if not wait_until(lambda: self._ready(launch) or not self.process.alive(), _START_SECONDS, _LOOK_EVERY):
            raise BenchError(f"{launch.name} was not ready after {_START_SECONDS:.0f} s: {self._last_words()}")
        if not self.process.alive():
            raise BenchError(f"{launch.name} ended when it was started: {self._last_words()}")

    def stop(self) -> None:
        if self._process is not None:
            self._table.stop(self._process, _END_SECONDS)
            self._process = None

    def processor_seconds(self) -> float:
        """That it has used since its start, over all of its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        return self._memory("VmRSS")

    def peak_bytes(self) -> int:
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        return int(read_field(Path(f"/proc/{self.process.pid}/status"), name).split()[0]) * 1024

    def _ready(self, launch: Launch) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", launch.ready_port or self.port, timeout=5)
        try:
            connection.request("GET", launch.ready_path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        return self._table.tail(self.process.component, _LAST_LINES)


class Fleet:
    """All server processes of a run, with their records and logs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.table = ProcessTable(folder / "records", folder / "logs")
        for each in (folder / "records", folder / "logs"):
            each.mkdir(parents=True, exist_ok=True)

    def daemons(self) -> list[int]:
        return [process.pid for process in self.table.all()]

    def stop_all(self) -> None:
        """Those of a killed run too."""
        for process in self.table.all():
            self.table.stop(process, _END_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
