"""Programs for tests that are Go modules: built once, kept beside the cluster's binaries."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tiers import runnable_tiers
from tools.cluster import cache, toolchain
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError
from tools.cluster.instance import locked
from tools.cluster.progress import Progress


@dataclass(frozen=True)
class GoProgram:
    """`folder` has its go.mod, and `files` are all that it is made from; `package` is what is built there."""

    name: str
    folder: Path
    files: tuple[str, ...]
    package: str = "."

    def ensure(self, progress: Progress) -> Path:
        store = Cache.of(f"{self.name}-{self._inputs()[:12]}")
        with locked(cache.cache_root() / f"{self.name}.lock"):
            if self.name not in store.known():
                progress.say(f"building the {self.name} program: once, a minute or two")
                self._build(store, toolchain.find_go(progress))
            store.verify([self.name])
            store.touch()
        return store.path(self.name)

    def ensure_before_the_first_test(self, session: pytest.Session) -> None:
        """Where its progress is seen and no test pays for it; only if a test asks for the fixture of this name."""
        wanted = any(self.name in getattr(item, "fixturenames", ()) for item in session.items)
        try:
            if wanted and runnable_tiers(session):
                self.ensure(Progress())
        except ClusterError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)

    def _inputs(self) -> str:
        digest = hashlib.sha256(f"{sys.platform}-{platform.machine()}".encode())
        for name in self.files:
            digest.update((self.folder / name).read_bytes())
        return digest.hexdigest()

    def _build(self, store: Cache, go: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as work:
            environment = os.environ | {
                "GOTOOLCHAIN": "local",
                "GOWORK": "off",
                "CGO_ENABLED": "0",
                # -modcacherw: a read-only module cache cannot be removed with plain unlinking.
                "GOFLAGS": "-mod=readonly -trimpath -modcacherw -buildvcs=false",
                "GOMODCACHE": f"{work}/modules",
                "GOCACHE": f"{work}/objects",
                "GOTMPDIR": work,
            }
            command = [str(go), "build", "-ldflags", "-s -w", "-o", f"{work}/{self.name}", self.package]
            done = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                words = f"The {self.name} program could not be built; run this again.\n{done.stderr.strip()}"
                raise ClusterError(words)
            store.add(Path(work) / self.name, self.name, self._inputs())
