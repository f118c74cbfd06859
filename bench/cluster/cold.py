"""The very first start: a fresh clone, empty caches, one command."""

import shutil
import tempfile
from pathlib import Path

from bench.frame.commands import Commands
from bench.frame.runner import Record
from tools.cluster.process import ProcessTable

NAME = "bench-cold"
# Far above the bar, so that a miss is measured and not cut off.
COLD_LIMIT = 2400.0
DOWN_LIMIT = 120.0


class ColdStart:
    """A clone with caches and run folders of its own, all in one temporary folder."""

    def __init__(self, checkout: Path, pointer: Path, log: Path) -> None:
        self.checkout = checkout
        self.pointer = pointer
        self.log = log

    def measure(self, record: Record) -> None:
        # A short path: the run folder holds sockets, and the name of a socket may have 107 characters.
        folder = Path(tempfile.mkdtemp(prefix="plimsoll-"))
        # The pointer lets the next run remove what a killed one left.
        self.pointer.write_text(str(folder))
        Commands(self.checkout, self.log).run("git", "clone", "--quiet", ".", str(folder / "clone"), limit=120)
        commands = commands_in(folder, self.log)
        record("cold-up", commands.seconds("make", "cluster", f"CLUSTER={NAME}", limit=COLD_LIMIT))
        commands.run(".venv/bin/python", "-m", "bench.cluster.working", NAME, limit=60)

    def daemons(self) -> list[int]:
        """Pids of the cluster, which this process cannot find by its name: it lives in another folder of state."""
        if not self.pointer.exists():
            return []
        records = Path(self.pointer.read_text()).glob("state/plimsoll/clusters/*/processes")
        return [process.pid for folder in records for process in ProcessTable(folder, folder).all()]

    def remove(self) -> None:
        """Take down and delete the cold start that the pointer names, of this run or of one that was killed."""
        if not self.pointer.exists():
            return
        folder = Path(self.pointer.read_text())
        # Without state no cluster was ever begun, and the clone may not be able to take one down yet.
        if (folder / "state").exists():
            commands_in(folder, self.log).run("make", "cluster-down", f"CLUSTER={NAME}", limit=DOWN_LIMIT)
        shutil.rmtree(folder, ignore_errors=True)
        self.pointer.unlink()


def commands_in(folder: Path, log: Path) -> Commands:
    """Commands in the clone, which find every cache empty."""
    empty = {name: str(folder / place) for name, place in (("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state"))}
    # These would override the cache folder above.
    empty |= {name: str(folder / "cache" / name) for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR")}
    return Commands(folder / "clone", log, empty)
