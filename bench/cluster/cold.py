"""The very first start: a fresh clone, empty caches, one command."""

from bench.frame.clone import Clone
from bench.frame.runner import Record

NAME = "bench-cold"
# Far above the bar, so that a miss is measured and not cut off.
COLD_LIMIT = 2400.0
DOWN_LIMIT = 120.0


class ColdStart:
    """A clone with caches of its own."""

    def __init__(self, clone: Clone) -> None:
        self.clone = clone

    def measure(self, record: Record) -> None:
        commands = self.clone.make()
        record("cold-up", commands.seconds("make", "cluster", f"CLUSTER={NAME}", limit=COLD_LIMIT))
        commands.run(".venv/bin/python", "-m", "bench.cluster.working", NAME, limit=60)

    def down(self) -> None:
        """Take the cluster down, if there is one."""
        if self.clone.has_run:
            self.clone.commands().run("make", "cluster-down", f"CLUSTER={NAME}", limit=DOWN_LIMIT)
