"""The built binaries on disk: a folder per recipe, every file with its sha256, verified before it is started."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.instance import write_atomically

_KEPT_FOR = 30 * 24 * 3600.0


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "plimsoll" / "cluster"


@dataclass(frozen=True)
class Entry:
    """What a finished file must contain, and a hash of what it was made from."""

    sha256: str
    inputs: str


@dataclass(frozen=True)
class Cache:
    folder: Path

    @classmethod
    def of(cls, key: str) -> Cache:
        return cls(cache_root() / key)

    @property
    def binaries(self) -> Path:
        return self.folder / "bin"

    def path(self, name: str) -> Path:
        return self.binaries / name

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"

    def known(self) -> dict[str, Entry]:
        """Everything that was finished, by name."""
        if not self._manifest.exists():
            return {}
        entries = {name: Entry(**entry) for name, entry in json.loads(self._manifest.read_text()).items()}
        return {name: entry for name, entry in entries.items() if self.path(name).exists()}

    def add(self, built: Path, name: str, inputs: str = "") -> None:
        """Under its final name only when it is whole and on disk; an interrupted build leaves nothing half."""
        self.binaries.mkdir(parents=True, exist_ok=True)
        temporary = self.path(name + ".new")
        shutil.copyfile(built, temporary)
        temporary.chmod(0o755)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        entry = Entry(sha256(temporary), inputs)
        temporary.replace(self.path(name))
        entries = {known: asdict(value) for known, value in (self.known() | {name: entry}).items()}
        write_atomically(self._manifest, json.dumps(entries, indent=1, sort_keys=True))

    def verify(self, names: Iterable[str]) -> None:
        """Raises for a damaged file, after forgetting it, so that the next build makes it again."""
        known = self.known()
        damaged = [name for name in names if sha256(self.path(name)) != known[name].sha256]
        if not damaged:
            return
        for name in damaged:
            self.path(name).unlink()
        raise ClusterError(
            f"{', '.join(damaged)}: the cached file in {self.binaries} does not have its recorded sha256. "
            "It has been removed; run the same command again to rebuild it."
        )

    def touch(self) -> None:
        """Marks the folder as in use, for `prune`."""
        os.utime(self._manifest)


def take_over(store: Cache, name: str, inputs: str) -> None:
    """From another recipe's folder, if one holds the same thing made from the same inputs."""
    for manifest in cache_root().glob("*/manifest.json"):
        other = Cache(manifest.parent)
        entry = other.known().get(name)
        if entry and entry.inputs == inputs and sha256(other.path(name)) == entry.sha256:
            store.add(other.path(name), name, inputs)
            return


def prune(keep: str, now: float | None = None) -> None:
    """Removes recipes that nobody has started from for a month."""
    limit = (time.time() if now is None else now) - _KEPT_FOR
    for manifest in cache_root().glob("*/manifest.json"):
        if manifest.parent.name != keep and manifest.stat().st_mtime < limit:
            shutil.rmtree(manifest.parent)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
