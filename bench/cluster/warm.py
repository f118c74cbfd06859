"""Starts and stops with the binaries already built."""

from bench.cluster.working import require_working
from bench.frame.commands import Commands
from bench.frame.runner import Record
from tools.cluster import instance, node, open_cluster
from tools.cluster.process import ProcessTable

NAME = "bench"
# Far above the bars, so that a miss is measured and not cut off.
FIRST_LIMIT = 2400.0
UP_LIMIT = 300.0
DOWN_LIMIT = 120.0


class WarmCluster:
    """One cluster of this checkout, started with the verbs that a person would type."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.built = False

    def up(self, nodes: int = 1) -> float:
        return self.commands.seconds("make", "cluster", f"CLUSTER={NAME}", f"NODES={nodes}", limit=UP_LIMIT)

    def down(self) -> float:
        return self.commands.seconds("make", "cluster-down", f"CLUSTER={NAME}", limit=DOWN_LIMIT)

    def daemons(self) -> list[int]:
        found = instance.find(NAME)
        return [process.pid for process in ProcessTable(found.records, found.logs).all()] if found else []

    def images(self) -> list[str]:
        """References of what containerd has, asked directly: the node reports a new image only some time later."""
        cluster = open_cluster(NAME)
        init = ProcessTable(cluster.instance.records, cluster.instance.logs).get("node-1-init")
        if init is None:
            return []
        return node.ctr(init, "images", "list", "--quiet").stdout.decode().split()

    def start_from_nothing(self) -> None:
        """Nothing runs afterwards, and the binaries are there: what only the very first start does is no warm start."""
        if not self.built:
            self.commands.run("make", "cluster", f"CLUSTER={NAME}", limit=FIRST_LIMIT)
            self.built = True
        self.down()

    def measure_life(self, record: Record) -> None:
        """Up, up again, a look at the memory, down."""
        self.start_from_nothing()
        record("warm-up", self.up())
        require_working(NAME, nodes=1)
        record("up-again", self.up())
        status = open_cluster(NAME).status()
        record("control-plane-memory", status.control_plane_bytes)
        record("memory-in-all", status.total_bytes)
        record("down", self.down())

    def measure_two_nodes(self, record: Record) -> None:
        self.start_from_nothing()
        record("two-node-warm-up", self.up(nodes=2))
        require_working(NAME, nodes=2)
        self.down()
