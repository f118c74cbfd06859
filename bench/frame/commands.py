"""Commands: what a bench measures is what a person would type, run and timed as a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.frame.errors import CommandError
from tools.cluster.process import Process, birth_of, wait_until

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
            leader = Process(command[0], process.pid, birth_of(process.pid))
            running_record(self.log).write_text(json.dumps(asdict(leader)), encoding="utf-8")
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                raise CommandError(self._explain(command, f"had not ended after {limit:.0f} s", begins)) from None
            finally:
                end_group(leader)
                process.wait()
                running_record(self.log).unlink()
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


def end_group(leader: Process) -> None:
    """End a command that still runs, with all of its group, politely first: nothing writes any more afterwards."""
    # A command that had ended before it could be looked at has no birth: its pid may be anybody's by now.
    if not leader.born or not leader.alive():
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        if wait_until(lambda: not has_members(leader.pid), GRACE_SECONDS):
            return


def has_members(group: int, proc: Path = Path("/proc")) -> bool:
    """Whether any process of a group still runs; one that has ended and waits to be noticed does not."""
    for file in proc.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            state, _, of_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                return True
    return False


def running_record(log: Path) -> Path:
    """Which command runs just now, on disk: so that it can be ended even when the bench was killed beside it."""
    return log.with_suffix(".running")


def end_left_over(log: Path) -> None:
    """End the command that a killed bench with this log left running."""
    record = running_record(log)
    if record.exists():
        end_group(Process(**json.loads(record.read_text(encoding="utf-8"))))
        record.unlink()
