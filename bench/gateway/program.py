"""The bench's own program: a backend that is played and an open loop of load, in Go so that both fit on one core."""

from __future__ import annotations

from pathlib import Path

from tests.support.go_programs import GoProgram

_FOLDER = Path(__file__).with_name("tool")
PROGRAM = GoProgram("gateway_tool", _FOLDER, ("go.mod", *sorted(each.name for each in _FOLDER.glob("*.go"))))
