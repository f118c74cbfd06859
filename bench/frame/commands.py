"""Commands: what a bench measures is what a person would type, run and timed as a process of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.frame.errors import CommandError

LAST_LINES = 15
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Commands:
    """Runs commands in one folder and environment; all they say goes to one log."""

    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *command: str, limit: float) -> None:
        """Run a command to its end; what fails or takes longer than the limit in seconds ends with its last lines."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            begins = log.tell()
            # In a group of its own, so that an interrupted command ends with everything it has started in turn.
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._whole_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                raise CommandError(self._explain(command, f"had not ended after {limit:.0f} s", begins)) from None
            finally:
                end_group(process)
        if code:
            raise CommandError(self._explain(command, f"ended with code {code}", begins))

    def seconds(self, *command: str, limit: float) -> float:
        """How long a command takes."""
        began = time.perf_counter()
        self.run(*command, limit=limit)
        return time.perf_counter() - began

    def answer(self, *command: str) -> str:
        """What a short command prints."""
        result = subprocess.run(
            command, cwd=self.folder, env=self._whole_environment(), capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise CommandError(f"{' '.join(command)} ended with code {result.returncode}: {result.stderr.strip()}")
        return result.stdout

    def _whole_environment(self) -> dict[str, str]:
        # A bench is often started by make itself, whose variables would change what an inner make does.
        outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return outer | dict(self.environment)

    def _explain(self, command: Sequence[str], ending: str, begins: int) -> str:
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(begins)
            lines = log.read().splitlines()[-LAST_LINES:]
        return "\n    ".join([f"`{' '.join(command)}` {ending}; its last lines (all in {self.log.name}):", *lines])


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command that still runs, and its group, politely first."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
