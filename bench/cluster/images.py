"""From a change in the code to an image in the running cluster."""

import sys
from pathlib import Path

from bench.cluster.warm import NAME, WarmCluster
from bench.frame.commands import Commands
from bench.frame.errors import BenchError
from bench.frame.runner import Record
from bench.frame.scratch import Scratch
from tools.cluster import open_cluster
from tools.images import record as images

CHANGED_FILE = Path("operator/plimsoll/__init__.py")
FIRST_LIMIT = 900.0
REBUILD_LIMIT = 300.0


class ImageRebuild:
    """A clone whose code can be changed, and the cluster of this checkout that takes the images."""

    def __init__(self, checkout: Path, scratch: Scratch, cluster: WarmCluster, log: Path) -> None:
        self.checkout = checkout
        self.scratch = scratch
        self.cluster = cluster
        self.log = log
        self.changes = 0

    @property
    def clone(self) -> Path:
        return self.scratch.folder / "images"

    def measure(self, record: Record) -> None:
        if not self.changes:
            self.prepare()
        self.change_code()
        record("image-rebuild", self.build(REBUILD_LIMIT))
        image = images.read(self.clone)["plimsoll"]
        # A build that finds no cluster ends well too: the figure counts only when the node has the image.
        if image.reference not in self.cluster.images():
            raise BenchError(f"{image.reference} was built and is not in the cluster")
        record("image-unpacked", sum(part.size for part in image.parts))

    def prepare(self) -> None:
        """A cluster, a clone, and an image without the change."""
        Commands(self.checkout, self.log).run("git", "clone", "--quiet", ".", str(self.clone), limit=120)
        self.cluster.start_from_nothing()
        self.cluster.up()
        self.build(FIRST_LIMIT)

    def change_code(self) -> None:
        self.changes += 1
        with (self.clone / CHANGED_FILE).open("a", encoding="utf-8") as code:
            code.write(f"# Change {self.changes}\n")

    def build(self, limit: float) -> float:
        # The clone is another checkout: it finds the cluster by its whole name.
        identity = open_cluster(NAME).instance.identity
        build = (sys.executable, "-m", "tools.images", "build", "--only", "plimsoll", "--cluster", identity)
        return Commands(self.clone, self.log).seconds(*build, limit=limit)
