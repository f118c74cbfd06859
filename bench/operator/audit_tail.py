"""What one user wrote, with the API server's own clock, read from the audit log while it grows."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.audit import writes_in

_LEASES = "leases"


@dataclass(frozen=True)
class Written:
    """One accepted write and when it was answered, in seconds since 1970."""

    verb: str
    resource: str
    namespace: str
    name: str
    at: float


class AuditTail:
    """The accepted writes of one user since it was opened, leases aside."""

    def __init__(self, log: Path, user: str) -> None:
        self._log = log
        self._user = f'"username":{json.dumps(user)}'.encode()
        self._read_to = log.stat().st_size if log.exists() else 0
        self.writes: list[Written] = []

    def catch_up(self) -> list[Written]:
        """What has come since the last time; a line that is not whole yet is left for the next."""
        with self._log.open("rb") as file:
            file.seek(self._read_to)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read_to += len(whole) + len(newline)
        # Most lines are of others, and parsing them all would take time from what is measured.
        new = [each for line in whole.splitlines() if self._user in line for each in _written(line.decode())]
        self.writes += new
        return new


def _written(line: str) -> list[Written]:
    answered = datetime.fromisoformat(json.loads(line)["stageTimestamp"]).timestamp()
    return [
        Written(write.verb, write.resource, write.namespace, write.name, answered)
        for write in writes_in([line])
        if write.accepted and write.resource != _LEASES
    ]
