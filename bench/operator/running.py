"""The operator as it would run in a cluster: a process of its own, with the rights of an installation."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.frame.host import read_field
from bench.operator.stand import OURS, Stand
from tests.support.operator_process import OperatorProcess, Ports, free_ports
from tests.support.operators import usual_configuration
from tools.install.settings import HOME

_READY_SECONDS = 120.0
_END_SECONDS = 60.0


class Running:
    """Started and ended with the stand; `name` tells several of them apart."""

    def __init__(self, stand: Stand, url: str, folder: Path, name: str = "operator") -> None:
        self.stand = stand
        self.url = url
        self._folder = folder
        self._name = name
        self._process: OperatorProcess | None = None
        self._peak = 0

    @property
    def process(self) -> OperatorProcess:
        assert self._process is not None, f"{self._name} was never started"
        return self._process

    @contextlib.contextmanager
    def on_fresh_stand(self) -> Iterator[None]:
        """A new cluster with an operator that waits for its first model."""
        self.stand.up()
        self.start()
        self.process.wait_ready(_READY_SECONDS)
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        self._peak = 0
        ports = free_ports()
        self._process = OperatorProcess(self._command(ports), ports, self._folder, self._name)
        self._process.start()

    def _command(self, ports: Ports) -> list[str]:
        configuration = self._folder / f"{self._name}.yaml"
        configuration.write_text(yaml.safe_dump(usual_configuration()), encoding="utf-8")
        kubeconfig = self.stand.kubeconfig_of_operator()
        return [
            *(sys.executable, "-m", "plimsoll", "operator"),
            *(f"--config={configuration}", f"--kubeconfig={kubeconfig}", f"--namespace={OURS}"),
            *("--host=127.0.0.1", f"--health-port={ports.health}", f"--metrics-port={ports.metrics}"),
            *(f"--lease-namespace={HOME}", "--feed-port=0"),
        ]

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def restart(self) -> None:
        self._remember_peak()
        self.process.end(_END_SECONDS)
        self.process.start()
        self.process.wait_ready(_READY_SECONDS)

    def kill(self) -> None:
        self._remember_peak()
        self.process.kill()

    def stop(self) -> None:
        if self.alive:
            self._remember_peak()
            self.process.end(_END_SECONDS)

    def _remember_peak(self) -> None:
        self._peak = max(self._peak, self.memory("VmHWM"))

    @property
    def peak_bytes(self) -> int:
        """The most memory that any of its lives since `start` has held."""
        self._remember_peak()
        return self._peak

    def memory(self, field: str = "VmRSS") -> int:
        return int(read_field(Path(f"/proc/{self.process.pid}/status"), field).split()[0]) * 1024

    def passes(self) -> float:
        return self.process.metric("plimsoll_operator_reconcile_total")

    def note(self, line: str) -> None:
        """Into the log of the operator, beside what it said at that time."""
        with self.process.log_file.open("a", encoding="utf-8") as log:
            log.write(f"bench: {line}\n")
