"""A real engine as a process of its own, asked over loopback as an application would, and never left behind."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.operator_process import sum_of
from tests.support.plain_get import plain_get
from tests.support.waiting import wait_until

_START_SECONDS = 60.0
_END_SECONDS = 30.0
_ASK_SECONDS = 30.0
# Whatever one of these stands for, nobody has thought of it.
_UNTHOUGHT_OF = ("Traceback (most recent call last)", "never retrieved", "was never awaited", "Fatal Python error")


class EngineProcess:
    def __init__(self, model: Path, arguments: tuple[str, ...], folder: Path, fault: str = "") -> None:
        """`fault`: Python that runs before the engine does, to break something in it."""
        self.log_file = folder / "engine.log"
        self.expects_trouble = False
        code = f"{fault}\nfrom plimsoll.cli.main import run\nrun()"
        command = [sys.executable, "-c", code, "engine", f"--model={model}", "--alias=boat", "--port=0"]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--host=127.0.0.1", "--threads=1", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._port = 0

    # Its life.

    @property
    def port(self) -> int:
        if not self._port:
            self._port = wait_until(self._port_told, _START_SECONDS, lambda: f"it listens\n{self.log}")
        return self._port

    def wait_ready(self) -> EngineProcess:
        def ready() -> bool:
            assert self.alive, f"the engine ended with {self._process.returncode}:\n{self.log}"
            return self.get("/ready")[0] == 200

        wait_until(ready, _START_SECONDS, lambda: f"it is ready\n{self.log}")
        return self

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = _END_SECONDS) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def end(self) -> int:
        """As Kubernetes asks for it."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self.alive:
            self._process.kill()
        self._process.wait(_END_SECONDS)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    # What it says.

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self) -> OpenAI:
        """As applications have it, but without second tries."""
        return OpenAI(base_url=self.base, api_key="none", max_retries=0, timeout=_ASK_SECONDS)

    def async_client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=self.base, api_key="none", max_retries=0, timeout=_ASK_SECONDS)

    def get(self, path: str) -> tuple[int, str]:
        """Status 0 as long as nobody answers."""
        return plain_get(self.port, path, _ASK_SECONDS)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_SECONDS)
        try:
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        status, text = self.get("/metrics")
        assert status == 200, self.log
        return sum_of(text, name, labels)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Of the log, those with this message."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if line["message"] == message]

    def problems(self) -> list[str]:
        return [line for line in self.log.splitlines() if any(words in line for words in _UNTHOUGHT_OF)]

    def _port_told(self) -> int:
        assert self.alive, f"the engine ended with {self._process.returncode}:\n{self.log}"
        listening = (line for line in self.log.splitlines() if '"port":' in line and line.endswith("}"))
        return next((int(json.loads(line)["port"]) for line in listening), 0)


StartProcess = Callable[..., EngineProcess]


@pytest.fixture
def start_process(engine_home: Path, tmp_path: Path) -> Iterator[StartProcess]:
    """Starts an engine with these arguments; all of them are ended, and their logs have nothing unthought of."""
    started: list[EngineProcess] = []

    def start(model: Path, *arguments: str, fault: str = "") -> EngineProcess:
        folder = tmp_path / f"engine-{len(started)}"
        folder.mkdir()
        started.append(EngineProcess(model, arguments, folder, fault))
        return started[-1]

    yield start
    for process in started:
        process.kill()
    assert not [line for process in started if not process.expects_trouble for line in process.problems()]


@pytest.fixture(scope="module")
def running_engine(
    engine_home: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """One that is ready, with four slots, for every test of a module."""
    process = EngineProcess(tiny_model, ("--context=512", "--parallel=4"), tmp_path_factory.mktemp("engine"))
    try:
        yield process.wait_ready()
        assert process.end() == 0, process.log
        assert not process.problems()
    finally:
        process.kill()
