"""Servers as processes of this bench: started when they are first asked, watched, and ended with it."""

import http.client
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.engine.arms import Arm
from bench.engine.load import Burst, play
from bench.frame.errors import BenchError
from bench.frame.host import read_field
from tools.cluster.process import Order, Process, ProcessTable, wait_until

_START_SECONDS = 120.0
_END_SECONDS = 15.0
_LOOK_EVERY = 0.005
_LAST_LINES = 15


@dataclass(frozen=True)
class Load:
    """Requests, and how many clients send them."""

    requests: Sequence[bytes]
    clients: int
    new_tokens: int


class Server:
    """One server with one model."""

    def __init__(self, table: ProcessTable, arm: Arm, model: Path) -> None:
        self.arm = arm
        self._table = table
        self._model = model
        self._port = 0
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None, f"{self.arm.name} was never started"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Over when it says that it is ready."""
        self._port = _free_port()
        argv = self.arm.serve(self._model, self._port)
        component = f"{self.arm.name.replace(' ', '-')}-{self._model.stem}-{self._port}"
        self._process = self._table.start(Order(component, argv, self.arm.environment))
        if not wait_until(lambda: self._ready() or not self.process.alive(), _START_SECONDS, _LOOK_EVERY):
            raise BenchError(f"{self.arm.name} was not ready after {_START_SECONDS:.0f} s: {self._last_words()}")
        if not self.process.alive():
            raise BenchError(f"{self.arm.name} ended when it was started: {self._last_words()}")

    def stop(self) -> None:
        if self._process is not None:
            self._table.stop(self._process, _END_SECONDS)
            self._process = None

    def play(self, load: Load) -> Burst:
        before = self.processor_seconds()
        burst = play(self._port, load.requests, load.clients, load.new_tokens)
        return replace(burst, server_seconds=self.processor_seconds() - before)

    def processor_seconds(self) -> float:
        """That it has used since its start, over all of its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        return int(read_field(Path(f"/proc/{self.process.pid}/status"), "VmHWM").split()[0]) * 1024

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", self.arm.ready_path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        return self._table.tail(self.process.component, _LAST_LINES)


class Servers:
    """All servers of a run. They are up at the same time, so that they can take turns."""

    def __init__(self, folder: Path) -> None:
        self._table = ProcessTable(folder / "records", folder / "logs")
        self._known: dict[tuple[str, ...], Server] = {}
        for each in (folder / "records", folder / "logs"):
            each.mkdir(parents=True, exist_ok=True)

    def server(self, arm: Arm, model: Path) -> Server:
        """One for all who ask for the same; another model or another setting is another server."""
        key = (arm.name, str(model), *arm.command)
        return self._known.setdefault(key, Server(self._table, arm, model))

    def another(self, arm: Arm, model: Path) -> Server:
        """One that nobody else uses."""
        return Server(self._table, arm, model)

    def daemons(self) -> list[int]:
        return [process.pid for process in self._table.all()]

    def stop_all(self) -> None:
        """Those of a killed run too."""
        for process in self._table.all():
            self._table.stop(process, _END_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
