"""The very first start: a fresh clone, empty caches, one command."""

from pathlib import Path

from bench.cluster.scratch import Scratch
from bench.frame.commands import Commands
from bench.frame.runner import Record
from tools.cluster.process import ProcessTable

NAME = "bench-cold"
# Far above the bar, so that a miss is measured and not cut off.
COLD_LIMIT = 2400.0
DOWN_LIMIT = 120.0


class ColdStart:
    """A clone with caches and run folders of its own, all of them in the scratch folder."""

    def __init__(self, checkout: Path, scratch: Scratch, log: Path) -> None:
        self.checkout = checkout
        self.scratch = scratch
        self.log = log

    def measure(self, record: Record) -> None:
        clone = str(self.scratch.folder / "cold")
        Commands(self.checkout, self.log).run("git", "clone", "--quiet", ".", clone, limit=120)
        commands = self.commands()
        record("cold-up", commands.seconds("make", "cluster", f"CLUSTER={NAME}", limit=COLD_LIMIT))
        commands.run(".venv/bin/python", "-m", "bench.cluster.working", NAME, limit=60)

    def commands(self) -> Commands:
        """Commands in the clone, which find every cache empty."""
        folder = self.scratch.folder
        places = {"XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state"}
        # Two would go before the cache folder; and a build that is ended leaves its temporary files.
        places |= {"UV_CACHE_DIR": "cache/uv", "PIP_CACHE_DIR": "cache/pip", "TMPDIR": "tmp"}
        (folder / "tmp").mkdir(exist_ok=True)
        return Commands(folder / "cold", self.log, {name: str(folder / place) for name, place in places.items()})

    def daemons(self) -> list[int]:
        """Pids of the cluster, which this process cannot find by its name: its state lies in the scratch folder."""
        if not self.scratch.exists:
            return []
        records = self.scratch.folder.glob("state/plimsoll/clusters/*/processes")
        return [process.pid for folder in records for process in ProcessTable(folder, folder).all()]

    def down(self) -> None:
        """Take the cluster down, if there is one: before it has state, the clone may not be able to yet."""
        if self.scratch.exists and (self.scratch.folder / "state").exists():
            self.commands().run("make", "cluster-down", f"CLUSTER={NAME}", limit=DOWN_LIMIT)
