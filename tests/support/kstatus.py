"""What the kstatus package says about an object: a small Go program, built once, kept beside the cluster's binaries."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.go_programs import GoProgram
from tools.cluster.progress import Progress

Object = dict[str, Any]

_PROGRAM = GoProgram("kstatus", Path(__file__).parents[1] / "kstatus", ("go.mod", "go.sum", "main.go"))
_SECONDS = 30


@dataclass(frozen=True)
class Verdict:
    """`status` is Current, InProgress, Failed or Terminating."""

    status: str
    message: str


class Kstatus:
    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def verdicts(self, objects: Sequence[Object]) -> list[Verdict]:
        told = "\n".join(json.dumps(each, default=str) for each in objects)
        done = subprocess.run([self._binary], input=told, capture_output=True, text=True, check=False, timeout=_SECONDS)
        assert done.returncode == 0, done.stderr
        return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]

    def verdict(self, found: Object) -> Verdict:
        (only,) = self.verdicts([found])
        return only


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    _PROGRAM.ensure_before_the_first_test(session)


@pytest.fixture(scope="session")
def kstatus() -> Kstatus:
    return Kstatus(_PROGRAM.ensure(Progress()))
