"""Operators for tests: each behind a proxy of its own, for the namespace of the test, and gone at its end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from tests.support.api_proxy import ApiProxy
from tests.support.gguf_models import small
from tests.support.kube import Object
from tests.support.model_server import model_server, own_address
from tests.support.operator_process import OperatorProcess, free_ports
from tests.support.status_conventions import StatusWatch
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

# Nobody pulls an image on a node that is not there.
ENGINE_IMAGE = "example.invalid/engine:1"
_PLIMSOLL_IMAGE = "example.invalid/plimsoll:1"
_BUSY = ("plimsoll_operator_queue_depth", "plimsoll_operator_queue_busy")
# Longer than any pause inside of one pass, the wait between two workloads aside.
QUIET = 1.0
_GONE_SECONDS = 5.0
_SHOWN = 5


@dataclass(frozen=True)
class Operator:
    """A process, and the proxy through which it sees the API server."""

    process: OperatorProcess
    proxy: ApiProxy

    def start(self) -> None:
        self.process.start()
        self.process.wait_ready()

    def rest(self, quiet: float = QUIET, seconds: float = 60.0) -> None:
        """Until it is ready, has nothing to do and has written nothing for a while."""
        self.process.wait_ready(seconds)
        self.process.wait_quiet(self.proxy.journal, quiet, seconds, _BUSY)


class Operators:
    """Inside of `with`: whatever happens, no process stays."""

    def __init__(self, cluster: ProcessCluster, namespace: str, folder: Path) -> None:
        self._stack = ExitStack()
        self._stack.callback(self._kill)
        self._cluster = cluster
        self._namespace = namespace
        self._folder = folder
        self._statuses = StatusWatch()
        self._made: list[Operator] = []

    def make(
        self,
        name: str = "operator",
        *,
        kubeconfig: Path | None = None,
        configuration: Object | None = None,
        options: Sequence[str] = ("--no-lease",),
    ) -> Operator:
        """Not started yet. It may do what `kubeconfig` may, by default everything."""
        upstream = kubeconfig or self._cluster.kubeconfig
        proxy = ApiProxy(upstream, self._folder, name, answered=self._statuses.answered)
        self._stack.enter_context(proxy)
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**usual_configuration(), **(configuration or {})}))
        ports = free_ports()
        command = [
            *(sys.executable, "-m", "plimsoll", "operator", f"--config={file}", f"--kubeconfig={proxy.kubeconfig}"),
            *(f"--namespace={self._namespace}", f"--lease-namespace={self._namespace}", "--host=127.0.0.1"),
            *(f"--health-port={ports.health}", f"--metrics-port={ports.metrics}"),
            # Many run beside each other; a test of gateways gives another port.
            *("--feed-port=0", *options),
        ]
        made = Operator(OperatorProcess(command, ports, self._folder, name), proxy)
        self._made.append(made)
        return made

    def start(self, name: str = "operator", **settings: Any) -> Operator:
        """Made, started and ready."""
        made = self.make(name, **settings)
        made.start()
        return made

    def end(self) -> None:
        """All of them; what one of them said that nobody has thought of fails the test, and so does a bad status."""
        problems = self._statuses.broken[:_SHOWN]
        for each in self._made:
            process = each.process
            # Python itself ends on SIGTERM until the operator has learned to do it well.
            fine = {0} if process.ready else {0, -signal.SIGTERM}
            if process.alive and (code := process.end()) not in fine:
                problems.append(f"{process.name} ended with {code} when it was asked to\n{process.tail()}")
            problems += process.problems()
            if process.exit_code is not None:
                wait_until(process.all_gone, _GONE_SECONDS, f"{process.name} leaves no process behind")
        assert not problems, "\n".join(problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _kill(self) -> None:
        for each in self._made:
            each.process.kill()


def usual_configuration() -> Object:
    """For nodes without containers: ready pods are proof enough, and many fit on a node."""
    address = own_address()
    return {
        "images": {"plimsoll": _PLIMSOLL_IMAGE, "llamacpp": ENGINE_IMAGE},
        "profiles": [{"name": "cpu", "cpu": "50m"}],
        "proof": "ready",
        "sources": {"privateNetworks": [f"{address}/32"] if address else []},
    }


@pytest.fixture
def operators(cluster: ProcessCluster, definition: Object, namespace: str, tmp_path: Path) -> Iterator[Operators]:
    """`operators.start()` is a real operator that serves the namespace of the test."""
    with Operators(cluster, namespace, tmp_path) as operators:
        yield operators
        operators.end()


@pytest.fixture(scope="session")
def weights() -> Iterator[str]:
    """The address of a small model, on a server that the operators of tests may read."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    with model_server(address) as server:
        yield server.add("/tiny.gguf", small())
