"""A real gateway as a process of its own, routed by a file or an operator, asked over loopback, never left behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from plimsoll.cost.record import Record
from plimsoll.routing.document import Document, Endpoint, Hosted, Key, Served
from plimsoll.routing.encoding import encode
from tests.support import journals, routing_documents
from tests.support.canaries import Canaries
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.operator_process import sum_of
from tests.support.plain_get import plain_get
from tests.support.traffic.raw import Callers
from tests.support.waiting import wait_until

_START_SECONDS = 60.0
_END_SECONDS = 30.0
_ASK_SECONDS = 30.0
# The file is looked at five times a second.
_HEARD_SECONDS = 10.0
# Whatever one of these stands for, nobody has thought of it.
_UNTHOUGHT_OF = (
    "Traceback (most recent call last)",
    "never retrieved",
    "was never awaited",
    "was never settled",
    "Unclosed",
)
KEY = "plm_abcdef" + "k" * 43
Answer = tuple[int, dict[str, str], Any]


def hosted(*upstreams: CountingUpstream, **changes: Any) -> Served:
    """A model that these serve, each as a pod."""
    endpoints = tuple(Endpoint(name=f"pod-{at}", address=each.address) for at, each in enumerate(upstreams))
    changes.setdefault("upstream", Hosted(endpoints=endpoints, service=upstreams[0].address))
    return routing_documents.served(**changes)


def opened(served: Served, plain: str = KEY, key: Key | None = None, **changes: Any) -> Document:
    """One model, and one key that may call it."""
    key = key or routing_documents.key()
    keys = {routing_documents.digest_of(plain): key, **changes.pop("keys", {})}
    return routing_documents.document(routing_documents.model(state=served), keys=keys, **changes)


class GatewayProcess:
    def __init__(self, document: Document | None, arguments: tuple[str, ...], folder: Path) -> None:
        """Without a document the arguments say where it comes from."""
        self.folder = folder
        self.routing = folder / "routing.json"
        self.log_file, self.requests_file = folder / "gateway.log", folder / "requests.log"
        self.records_folder = folder / "records"
        self.expects_trouble = False
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        # Where the log of its present life begins.
        self._begin = 0
        self._source = [] if document is None else [f"--routing={self.routing}"]
        if document is not None:
            self._place(document)

    # Its life.

    def start(self) -> GatewayProcess:
        """Begins; `wait_ready` says when it has."""
        assert not self.alive, "it runs already"
        self._ports = {}
        self._begin = len(self.log) if self.log_file.exists() else 0
        command = [sys.executable, "-c", "from plimsoll.cli.main import run\nrun()", "gateway"]
        command += [*self._source, f"--records={self.records_folder}", "--host=127.0.0.1"]
        with self.log_file.open("ab") as log, self.requests_file.open("ab") as requests:
            self._process = subprocess.Popen(
                [*command, "--port=0", "--inner-port=0", "--goodbye-seconds=0", *self._arguments],
                stdin=subprocess.DEVNULL, stdout=requests, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    def wait_ready(self) -> GatewayProcess:
        self.wait_listening()
        wait_until(lambda: self.get("/ready")[0] == 200, _START_SECONDS, lambda: f"it is ready\n{self.log}")
        return self

    def wait_listening(self) -> GatewayProcess:
        def listening() -> dict[str, int]:
            assert self.alive, f"the gateway ended with {self._ended_with}:\n{self.log}"
            lines = self.log[self._begin :].splitlines()
            return next((json.loads(line) for line in lines if '"inner_port":' in line and line.endswith("}")), {})

        self._ports = wait_until(listening, _START_SECONDS, lambda: f"it listens\n{self.log}")
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = _END_SECONDS) -> int:
        """Its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def end(self) -> int:
        """As Kubernetes asks for it."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(_END_SECONDS)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def _ended_with(self) -> int | None:
        return None if self._process is None else self._process.poll()

    # What it is told.

    def route(self, document: Document) -> None:
        """It serves by this when this returns; give every document a version of its own."""
        self._place(document)
        wait_until(lambda: self.routed == document.version.sequence, _HEARD_SECONDS, lambda: f"it is heard\n{self.log}")

    def place(self, content: bytes) -> None:
        """Whatever it is."""
        new = self.routing.with_suffix(".new")
        new.write_bytes(content)
        new.replace(self.routing)

    @property
    def routed(self) -> float:
        return self.metric("plimsoll_gateway_routing_sequence")

    # What it says.

    @property
    def port(self) -> int:
        return self._ports["port"]

    @property
    def inner_port(self) -> int:
        return self._ports["inner_port"]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def client(self, key: str = KEY) -> OpenAI:
        """As applications have it, but without second tries."""
        return OpenAI(base_url=self.base, api_key=key, max_retries=0, timeout=_ASK_SECONDS)

    def callers(self) -> Callers:
        return Callers("127.0.0.1", self.port)

    def get(self, path: str) -> tuple[int, str]:
        """Of the port for those who run it. Status 0 as long as nobody answers."""
        return plain_get(self.inner_port, path, _ASK_SECONDS)

    def ask(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> Answer:
        """Status, headers and what the body says; bytes go as they are, and everything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_SECONDS)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        told = {"authorization": f"Bearer {KEY}", **({"content-type": "application/json"} if data else {})}
        try:
            connection.request(method or ("GET" if data is None else "POST"), path, data, {**told, **(headers or {})})
            answer = connection.getresponse()
            said = answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, _read(said)
        finally:
            connection.close()

    def metrics(self) -> str:
        status, text = self.get("/metrics")
        assert status == 200, self.log
        return text

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all series of this name that have these labels; 0 where there is none."""
        return sum_of(self.metrics(), name, labels)

    def records(self) -> list[Record]:
        return journals.read(self.records_folder)

    def wait_requests(self, count: int) -> list[dict[str, Any]]:
        """Its log of requests, as soon as it has so many lines."""

        def lines() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in self.requests_file.read_text().splitlines() if line.endswith("}")]
            return found if len(found) >= count else []

        return wait_until(lines, _HEARD_SECONDS, lambda: f"{count} requests are in the log\n{self.log}")

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def problems(self) -> list[str]:
        return [line for line in self.log.splitlines() if any(words in line for words in _UNTHOUGHT_OF)]

    @property
    def memory(self) -> int:
        """Bytes that are resident now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _place(self, document: Document) -> None:
        self.place(encode(document))


def _read(said: bytes) -> Any:
    try:
        return json.loads(said) if said else None
    except ValueError:
        return said


StartGateway = Callable[..., GatewayProcess]


@pytest.fixture
def start_gateway(tmp_path: Path, canaries: Canaries, start_upstream: StartUpstream) -> Iterator[StartGateway]:
    """Starts a gateway by a document, with further arguments; all of them end, and with nothing unthought of.

    `ready=False` only begins. Upstreams outlive them, or they would tell of callers that were cut off.
    """
    started: list[GatewayProcess] = []

    def start(document: Document | None, *arguments: str, ready: bool = True) -> GatewayProcess:
        folder = tmp_path / f"gateway-{len(started)}"
        folder.mkdir()
        process = GatewayProcess(document, arguments, folder)
        started.append(process)
        canaries.allow(process.routing)
        process.start()
        return process.wait_ready() if ready else process

    yield start
    for process in started:
        process.kill()
    assert not [line for process in started if not process.expects_trouble for line in process.problems()]
