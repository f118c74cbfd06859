"""`plimsoll` as a user meets it, without the cost of a process: arguments in, output and exit code out."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from plimsoll.cli import main


@dataclass(frozen=True)
class Answered:
    code: int
    output: str
    errors: str

    @property
    def data(self) -> Any:
        """What -o json or -o yaml printed."""
        return yaml.safe_load(self.output)


class Command:
    """Runs in this process; nothing but its streams and arguments is replaced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object, given: str = "", program: str = "plimsoll") -> Answered:
        with self._monkeypatch.context() as patched:
            patched.setattr(sys, "argv", [program, *_texts(arguments)])
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
            with pytest.raises(SystemExit) as left:
                main.run()
        captured = self._capsys.readouterr()
        code = left.value.code
        return Answered(int(code) if isinstance(code, int) else 0, captured.out, captured.err)


def _texts(arguments: Sequence[object]) -> list[str]:
    return [str(argument) for argument in arguments]
