"""Servers with models: up at the same time, so that they can take turns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.engine.arms import Arm
from bench.engine.load import Burst, play
from bench.frame import servers
from bench.frame.servers import Fleet, Launch
from tools.cluster.process import ProcessTable


@dataclass(frozen=True)
class Load:
    """Requests, and how many clients send them."""

    requests: Sequence[bytes]
    clients: int
    new_tokens: int


class Server(servers.Server):
    """One server with one model."""

    def __init__(self, table: ProcessTable, arm: Arm, model: Path) -> None:
        super().__init__(table, self._launch_on)
        self.arm = arm
        self._model = model

    def play(self, load: Load) -> Burst:
        before = self.processor_seconds()
        burst = play(self.port, load.requests, load.clients, load.new_tokens)
        return replace(burst, server_seconds=self.processor_seconds() - before)

    def _launch_on(self, port: int) -> Launch:
        arm = self.arm
        label = f"{arm.name.replace(' ', '-')}-{self._model.stem}"
        return Launch(arm.name, label, arm.ready_path, arm.serve(self._model, port), arm.environment)


class Servers(Fleet):
    """All servers of a run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._known: dict[tuple[str, ...], Server] = {}

    def server(self, arm: Arm, model: Path) -> Server:
        """One for all who ask for the same; another model or another setting is another server."""
        key = (arm.name, str(model), *arm.command)
        return self._known.setdefault(key, Server(self.table, arm, model))

    def another(self, arm: Arm, model: Path) -> Server:
        """One that nobody else uses."""
        return Server(self.table, arm, model)
