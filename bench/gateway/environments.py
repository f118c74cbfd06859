"""Python environments of others, apart from ours: each from a lock with hashes, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from bench.frame.errors import BenchError
from bench.frame.run import ROOT
from tools.cluster import cache
from tools.cluster.instance import locked
from tools.cluster.progress import Progress

_SETTINGS = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}


@dataclass(frozen=True)
class Environment:
    """`project` has the lock, `chosen` says what of it belongs to this environment."""

    name: str
    project: Path
    chosen: tuple[str, ...] = ()

    def ensure(self, progress: Progress) -> Path:
        """Its Python."""
        wanted = self.requirements()
        told = f"{wanted}{sys.version}{sys.executable}"
        root = cache.cache_root().parent / "bench"
        folder = root / f"{self.name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f"{self.name}.lock"):
            if not folder.is_dir():
                with progress.step(f"environment of {self.name}: once, a minute or two"):
                    self._make(folder, wanted)
        return folder / "bin" / "python"

    def requirements(self) -> str:
        """The part of the lock, with hashes."""
        only = ["--quiet", "--frozen", "--no-emit-project", "--no-header", "--no-annotate", *self.chosen]
        return _uv("export", *only, "--project", str(self.project))

    def _make(self, folder: Path, wanted: str) -> None:
        """Under its name only when it is whole."""
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.new-", dir=folder.parent) as scratch:
            listed, made = Path(scratch) / "requirements.txt", Path(scratch) / "made"
            listed.write_text(wanted)
            # What its programs are called by must not change with the name of the folder.
            _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(made))
            _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(made / "bin" / "python"), str(listed))
            shutil.move(made, folder)


LITELLM = Environment("litellm", ROOT / "bench" / "gateway" / "litellm")
CANDIDATES = Environment("candidates", ROOT, ("--no-default-groups", "--extra", "gateway", "--group", "candidates"))


def _uv(*arguments: str) -> str:
    command = [find_uv_bin(), *arguments]
    done = subprocess.run(command, env=os.environ | _SETTINGS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"uv {arguments[0]} failed; check the network or the proxy. It said: {done.stderr.strip()}")
    return done.stdout
