"""Runs the programs of a build into a log, and says meanwhile how far they are."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.progress import Progress
from tools.engine.errors import BuildFailed

_TAIL_LINES = 20
_LOOK_EVERY = 0.5
_LAST_BYTES = 4096


def run(step: str, command: Sequence[str | Path], log: Path, progress: Progress, env: Mapping[str, str]) -> None:
    """Never silent for long, also where a single file takes a minute to compile."""
    began = log.stat().st_size if log.exists() else 0
    with (
        log.open("ab") as out,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=dict(env)
        ) as process,
    ):
        try:
            while _still_runs(process):
                progress.update(f"{step}: {_last_line(log)}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        said = log.read_bytes()[began:].decode(errors="replace")
        raise BuildFailed(step, log, "\n".join(said.rstrip().splitlines()[-_TAIL_LINES:]))


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_LOOK_EVERY)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-1] if lines else ""
