"""The base image where no registry can be reached: a root file system extracted from Debian packages."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.cache import sha256
from tools.cluster.progress import Progress
from tools.images.commands import Commands, cache_root, caged, need
from tools.images.recipes import EPOCH

_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh"


@dataclass(frozen=True)
class DebianBase:
    """The recipe of the base and, in the cache, what came of it."""

    suite: str
    packages: tuple[str, ...]
    finish: Path
    key: str

    @classmethod
    def of(cls, root: Path) -> DebianBase:
        folder = root / "images" / "base"
        described, finish = folder / "base.toml", folder / "finish"
        told = tomllib.loads(described.read_text())
        key = hashlib.sha256(described.read_bytes() + finish.read_bytes() + platform.machine().encode())
        return cls(told["suite"], tuple(told["packages"]), finish, key.hexdigest()[:12])

    @property
    def archive(self) -> Path:
        return cache_root() / "base" / f"{self.key}.tar"

    @property
    def _sum(self) -> Path:
        return self.archive.with_suffix(".sha256")

    def intact(self) -> bool:
        """The sum is written last: an interrupted run left none."""
        return self._sum.exists() and self.archive.exists() and sha256(self.archive) == self._sum.read_text()

    def make(self, commands: Commands, progress: Progress) -> None:
        if self.intact():
            return
        need("mmdebstrap", "mmdebstrap")
        self._sum.unlink(missing_ok=True)
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        with progress.step(f"base from Debian {self.suite} packages"):
            commands.run(
                "mmdebstrap",
                *caged("mmdebstrap", "--variant=extract", f"--include={','.join(self.packages)}"),
                f"--setup-hook={_MERGED_USR}",
                f"--extract-hook={self.finish}",
                "--skip=output/dev",
                self.suite,
                self.archive,
                env={"SOURCE_DATE_EPOCH": str(EPOCH)} | workplace(),
            )
            self._sum.write_text(sha256(self.archive))


def workplace() -> dict[str, str]:
    """Where root's programs put what they need on the way; it is emptied before each build."""
    if os.geteuid() != 0:
        return {}
    folder = cache_root() / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return {"TMPDIR": str(folder)}


def clear_workplace() -> None:
    shutil.rmtree(cache_root() / "work", ignore_errors=True)
