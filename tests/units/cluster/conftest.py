"""What the tests of the cluster tool share: folders of their own, and commands put on the PATH for one test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.cluster.instance import Instance
from tools.cluster.progress import Progress


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of this folder sees a cluster or a binary of the user, nor leaves one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@dataclass(frozen=True)
class Programs:
    """Commands that a test writes itself; each call is noted with its arguments."""

    folder: Path

    def put(self, name: str, script: str = "") -> Path:
        """A shell script that first notes how it was called."""
        noted = f'echo "$*" >> "{self.folder}/{name}.calls"'
        return self._write(name, f"#!/bin/sh\n{noted}\nPATH={self.folder}:/usr/bin:/bin\n{script}\n")

    def put_python(self, name: str, script: str) -> Path:
        return self._write(name, f"#!{sys.executable} -IS\n{script}\n")

    def calls(self, name: str) -> list[str]:
        notes = self.folder / f"{name}.calls"
        return notes.read_text().splitlines() if notes.exists() else []

    def _write(self, name: str, content: str) -> Path:
        program = self.folder / name
        program.write_text(content)
        program.chmod(0o755)
        return program


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """First on the PATH, before what the machine has."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Programs(folder)


@pytest.fixture
def only_programs(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Alone on the PATH: what the test does not put there is missing."""
    monkeypatch.setenv("PATH", str(programs.folder))
    return programs


class Told(Progress):
    """Keeps what it is told; `on_update` may do something at a chosen moment."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.updates: list[str] = []
        self.on_update: Callable[[str], None] = lambda _: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def update(self, text: str) -> None:
        self.updates.append(text)
        self.on_update(text)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def here() -> Instance:
    """The values of an instance that nobody made."""
    return Instance("test", "test-0123ab", 3, "node")
