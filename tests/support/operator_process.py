"""A real operator as a process of its own: started, asked, killed at any moment, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.api_journal import Journal, told
from tests.support.plain_get import plain_get
from tests.support.waiting import wait_until

_START_SECONDS = 30.0
_END_SECONDS = 30.0
_ASK_SECONDS = 5.0
_TAIL = 30

# Whatever one of these stands for, nobody has thought of it.
_UNTHOUGHT_OF = (
    "Traceback (most recent call last)",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending",
    "Unclosed client session",
    "was never awaited",
    "Merge-patching finished with inconsistencies",
)


@dataclass(frozen=True)
class Ports:
    """Where the process answers, on loopback."""

    health: int
    metrics: int


def free_ports() -> Ports:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return Ports(one.getsockname()[1], other.getsockname()[1])


class OperatorProcess:
    """One place in which an operator runs, life after life, with one log."""

    def __init__(self, command: Sequence[str], ports: Ports, folder: Path, name: str = "operator") -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        self._command = list(command)
        self._ports = ports
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None

    # Its life.

    def start(self) -> None:
        """Begins; `wait_ready` says when it has."""
        with self._lock, self.log_file.open("ab") as log:
            assert not self.alive, f"{self.name} runs already"
            # A session of its own: what it starts belongs to its group, and a Ctrl-C of the test run is not its own.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        def ready() -> bool:
            self._require_alive()
            return self.ready

        wait_until(ready, seconds, lambda: f"{self.name} is ready\n{self.tail()}")

    @property
    def ready(self) -> bool:
        return self.get(self._ports.health, "/readyz")[0] == 200

    def _require_alive(self) -> None:
        # Between two lives of a crash it is neither alive nor lost.
        with self._lock:
            assert self.alive, f"{self.name} ended with {self.exit_code}:\n{self.tail()}"

    def kill(self) -> None:
        """SIGKILL for it and all that it has started, as a crash would; over when this returns."""
        with self._lock:
            if self._process is not None:
                self._signal(signal.SIGKILL)
                self._process.wait(_END_SECONDS)

    def crash(self) -> None:
        """Killed, and started again as Kubernetes would; to everybody who waits this is one moment."""
        with self._lock:
            self.kill()
            self.start()

    def end(self, seconds: float = _END_SECONDS) -> int:
        """As Kubernetes does it: asked first, killed when the time is over. The exit code."""
        assert self._process is not None, f"{self.name} was never started"
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s of SIGTERM\n{self.tail()}") from None

    def pause(self) -> None:
        """Stands still, as on a machine that swaps, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def all_gone(self) -> bool:
        """Whether nothing that it started outlives it."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    # What it says.

    def get(self, port: int, path: str) -> tuple[int, str]:
        """Status 0 as long as nobody answers."""
        return plain_get(port, path, _ASK_SECONDS)

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all series of this name that have these labels; 0 where there is none."""
        return sum_of(self.metrics(), name, labels)

    def metrics(self) -> str:
        """All of them, as whoever scrapes them sees them."""
        status, text = self.get(self._ports.metrics, "/metrics")
        assert status == 200, f"{self.name} does not tell its metrics (status {status})\n{self.tail()}"
        return text

    def wait_quiet(self, journal: Journal, quiet: float, seconds: float, busy: Sequence[str] = ()) -> None:
        """Until it has written nothing for `quiet` seconds, and the metrics `busy` (what waits, what runs) are 0.

        One that was killed meanwhile is waited for: until it lives again, it is not at rest.
        """

        def at_rest() -> bool:
            self._require_alive()
            status, text = self.get(self._ports.metrics, "/metrics")
            return status == 200 and journal.quiet_for() >= quiet and all(sum_of(text, each, {}) == 0 for each in busy)

        wait_until(at_rest, seconds, lambda: f"{self.name} is quiet; its last writes:\n{told(journal.writes()[-5:])}")

    @property
    def log(self) -> str:
        """Of all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def tail(self) -> str:
        return "\n".join(self.log.splitlines()[-_TAIL:])

    def problems(self) -> list[str]:
        """Lines of the log that nobody has thought of, each with what follows."""
        lines = self.log.splitlines()
        return [
            "\n".join([f"{self.name}, line {number + 1}:", *lines[number : number + _TAIL]])
            for number, line in enumerate(lines)
            if any(words in line for words in _UNTHOUGHT_OF)
        ]


_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def sum_of(exposition: str, name: str, labels: dict[str, str]) -> float:
    total = 0.0
    for line in exposition.splitlines():
        sample = _SAMPLE.match(line)
        if sample and sample["name"] == name and labels.items() <= dict(_LABEL.findall(sample["labels"] or "")).items():
            total += float(sample["value"])
    return total
