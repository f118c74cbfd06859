"""Mock, servers and load of one run: whoever an experiment needs is up, and nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.frame.servers import Fleet, Launch, Server
from bench.gateway.arms import Mock, Words
from bench.gateway.load import Load, Report, Target, Tool


class Arm(Protocol):
    """Someone who is asked."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def key(self) -> str: ...

    def launch(self, port: int) -> Launch: ...


@dataclass(frozen=True)
class Run:
    """One load on one server."""

    report: Report
    processor_seconds: float

    @property
    def work(self) -> float:
        """Processor time for each answer, the warm-up's aside: it is in neither of the two."""
        return self.processor_seconds / self.report.right


# Makes an arm that has its backend at this port.
Fronts = Callable[[int], Arm]


class Side:
    """A server that stays up from one measurement to the next, until somebody else's turn comes."""

    def __init__(self, stand: Stand, name: str, made: Fronts, words: Words, warm_up: float) -> None:
        self.stand = stand
        self.name = name
        self.made = made
        self.words = words
        self.warm_up = warm_up
        self._server: Server | None = None
        self._arm: Arm | None = None

    @property
    def server(self) -> Server:
        assert self._server is not None, f"{self.name} is not up"
        return self._server

    @property
    def _target(self) -> Target:
        assert self._arm is not None, f"{self.name} is not up"
        return Target(self.server.port, self._arm.model, self._arm.key)

    def up(self) -> None:
        if self._server is not None:
            return
        mock = self.stand.mock(self.words)
        arm = self._arm = self.made(mock.port)
        server = self._server = Server(self.stand.fleet.table, arm.launch)
        server.start()
        # First answers import what nobody has needed before.
        if self.warm_up:
            self.play(Load(self.warm_up, warm_up=0.0))

    def down(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def play(self, load: Load) -> Report:
        return self.stand.tool.play(self._target, load)

    def run(self, load: Load) -> Run:
        """With what the server worked, of which the warm-up must be no part."""
        self.play(replace(load, seconds=max(load.warm_up, 0.1), warm_up=0.0))
        before = self.server.processor_seconds()
        report = self.play(replace(load, warm_up=0.0))
        return Run(report, self.server.processor_seconds() - before)


class Direct(Side):
    """The mock itself."""

    def __init__(self, stand: Stand, words: Words) -> None:
        super().__init__(stand, "direct", lambda _: stand.mock_arm(words), words, 0.0)

    def up(self) -> None:
        self._arm = self.stand.mock_arm(self.words)
        self._server = self.stand.mock(self.words)

    def down(self) -> None:
        self._server = None


class Stand:
    def __init__(self, folder: Path, tool: Tool) -> None:
        self.fleet = Fleet(folder)
        self.fleet.stop_all()
        # Logs and journals of a run are large, and say nothing about the next one.
        shutil.rmtree(folder)
        self.fleet = Fleet(folder)
        self.folder = folder / "servers"
        self.folder.mkdir()
        self.tool = tool
        self._mocks: dict[Words, Server] = {}
        self._up: list[Side] = []

    def side(self, name: str, made: Fronts, words: Words, warm_up: float = 1.0) -> Side:
        return Side(self, name, made, words, warm_up)

    def mock_arm(self, words: Words) -> Mock:
        return Mock(self.tool.program, self.tool.core, words)

    def mock(self, words: Words) -> Server:
        """Idle ones cost nothing, so they all stay up."""
        server = self._mocks.get(words)
        if server is None:
            server = self._mocks[words] = Server(self.fleet.table, self.mock_arm(words).launch)
            server.start()
        return server

    def only(self, sides: Sequence[Side]) -> None:
        """Ends the others, and starts who is not up."""
        for side in self._up:
            if side not in sides:
                side.down()
        self._up = list(sides)
        for side in sides:
            side.up()

    def stop_all(self) -> None:
        self.fleet.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)
