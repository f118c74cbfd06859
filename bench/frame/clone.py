"""A fresh clone of the last commit, with run folders of its own, and with own caches where they have to be empty."""

import shutil
from pathlib import Path

from bench.frame.commands import Commands
from bench.frame.scratch import Scratch
from tools.cluster.process import ProcessTable

_CLONE_LIMIT = 120.0


class Clone:
    """In the scratch folder, under a name of its own; nothing is there before it is asked for."""

    def __init__(self, checkout: Path, scratch: Scratch, name: str, log: Path, *, own_caches: bool) -> None:
        self.checkout = checkout
        self.scratch = scratch
        self.name = name
        self.log = log
        self.own_caches = own_caches

    def make(self) -> Commands:
        """Cloned anew: what an earlier one has built is gone, what it has cached is not."""
        folder = self.scratch.folder / self.name
        shutil.rmtree(folder, ignore_errors=True)
        Commands(self.checkout, self.log).run("git", "clone", "--quiet", ".", str(folder), limit=_CLONE_LIMIT)
        return self.commands()

    def commands(self) -> Commands:
        """Commands in the clone."""
        folder = self.scratch.folder
        # A build that is ended leaves its temporary files.
        places = {"XDG_STATE_HOME": "state", "TMPDIR": "tmp"}
        if self.own_caches:
            # Two would go before the cache folder.
            places |= {"XDG_CACHE_HOME": "cache", "UV_CACHE_DIR": "cache/uv", "PIP_CACHE_DIR": "cache/pip"}
        (folder / "tmp").mkdir(exist_ok=True)
        return Commands(folder / self.name, self.log, {name: str(folder / place) for name, place in places.items()})

    @property
    def has_run(self) -> bool:
        """Whether there may be something to take down: before it has state, the clone may not be able to yet."""
        return self.scratch.exists and all((self.scratch.folder / each).exists() for each in ("state", self.name))

    def daemons(self) -> list[int]:
        """Pids of its clusters, which this process cannot find by name: their state lies in the scratch folder."""
        if not self.scratch.exists:
            return []
        records = self.scratch.folder.glob("state/plimsoll/clusters/*/processes")
        return [process.pid for folder in records for process in ProcessTable(folder, folder).all()]
