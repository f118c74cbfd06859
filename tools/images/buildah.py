"""buildah with a store of its own in the cache folder: no daemon, no registry, and the user's images stay untouched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.cluster.cache import sha256
from tools.cluster.progress import Progress
from tools.images.commands import Commands, cache_root, caged, need
from tools.images.debian import DebianBase, workplace
from tools.images.errors import StepError
from tools.images.recipes import EPOCH

# Every build leaves an image in the store; beyond this many it is begun afresh.
_MOST_IMAGES = 400


@dataclass(frozen=True)
class Buildah:
    commands: Commands
    progress: Progress
    base: str
    debian: DebianBase
    name: str = "buildah"

    def inputs(self) -> str:
        return f"{self.name} {self.base or self.debian.key}"

    def build(self, containerfile: Path, context: Path, arguments: Mapping[str, str]) -> str:
        need("buildah", "buildah")
        self._begin_afresh_if_needed()
        self._store.mkdir(parents=True, exist_ok=True)
        self._unfinished.touch()
        try:
            given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
            runtime = self._runtime(containerfile, context)
            with self.progress.step("image"):
                kept = f"--build-context=runtime=container-image://{runtime}"
                # Without steps to reuse: buildah takes a step with another value of an ARG for the same one.
                digest = self._bud(context, "--layers=false", kept, *given, "--file", containerfile)
        except StepError:
            # buildah ended by itself and left its store in order; after anything else the mark stays.
            self._unfinished.unlink()
            raise
        self._unfinished.unlink()
        return digest

    def export(self, digest: str, reference: str, archive: Path) -> None:
        target = f"docker-archive:{archive}:{reference}"
        self.commands.run("buildah push", *self._buildah("push", "--quiet", digest, target), env=workplace())

    def _runtime(self, containerfile: Path, context: Path) -> str:
        """The stage with all but our own code, kept: buildah would read it whole to find it unchanged."""
        base = self.base or self._debian_base()
        digest = hashlib.sha256(f"{base}{sha256(containerfile)}".encode())
        for path in sorted(context.rglob("*")):
            if path.is_file() and path.parent.name != "application":
                digest.update(f"{path.relative_to(context)}{sha256(path)}".encode())
        # Under its digest, not under a name: an image names its parent, and one parent can have several names.
        known = self._store / f"runtime-{digest.hexdigest()}"
        if not known.exists():
            with self.progress.step("system and dependencies"):
                arguments = ("--build-arg", f"BASE={base}", "--target", "runtime")
                known.write_text(self._bud(context, "--layers", *arguments, "--file", containerfile))
        return known.read_text().removeprefix("sha256:")

    def _stored(self, reference: str) -> bool:
        command = self._buildah("images", "--quiet", "--filter", f"reference={reference}")
        return bool(self.commands.read("buildah images", *command))

    def _debian_base(self) -> str:
        """The base in the store, made and imported when it is not there."""
        reference = f"localhost/plimsoll/base:{self.debian.key}"
        if self._stored(reference):
            return reference
        self.debian.make(self.commands, self.progress)
        folder = self.debian.archive.parent
        containerfile = folder / "Containerfile"
        containerfile.write_text(f"FROM scratch\nADD {self.debian.archive.name} /\n")
        with self.progress.step("base imported"):
            self._bud(folder, "--tag", reference, "--file", containerfile)
        return reference

    def _bud(self, context: Path, *options: str | Path) -> str:
        digest = self._store / "digest"
        # chroot isolation needs no runtime and no cgroup; no step of ours needs a network.
        fixed: list[str | Path] = [
            "--isolation",
            "chroot",
            "--timestamp",
            str(EPOCH),
            "--pull-never",
            "--iidfile",
            digest,
        ]
        if self.base:
            fixed.remove("--pull-never")
        self.commands.run("buildah build", *self._buildah("bud", *fixed, *options, context), env=workplace())
        return digest.read_text().strip()

    def _buildah(self, verb: str, *arguments: str | Path) -> list[str | Path]:
        # The state of mounts must not outlive a boot.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        place: list[str | Path] = [
            "--root",
            self._store,
            "--runroot",
            cache_root() / "run" / boot,
            "--storage-driver",
            self._driver,
        ]
        return caged("buildah", *place, verb, *arguments)

    @cached_property
    def _driver(self) -> str:
        """overlay keeps a layer once; vfs, where overlay cannot be, copies every layer whole."""
        place: list[str | Path] = ["--root", self._store, "--runroot", cache_root() / "run" / "probe"]
        tried = subprocess.run(
            caged("buildah", *place, "--storage-driver", "overlay", "info"), capture_output=True, check=False
        )
        return "overlay" if tried.returncode == 0 else "vfs"

    @property
    def _store(self) -> Path:
        return cache_root() / "store"

    @property
    def _unfinished(self) -> Path:
        return cache_root() / "unfinished"

    def _begin_afresh_if_needed(self) -> None:
        if self._unfinished.exists():
            self.progress.say("the last build was interrupted: its store is thrown away")
        elif self._count() > _MOST_IMAGES:
            self.progress.say("the store has grown large: it is begun afresh")
        else:
            return
        if os.geteuid() == 0:
            shutil.rmtree(self._store, ignore_errors=True)
            shutil.rmtree(cache_root() / "run", ignore_errors=True)
        else:
            # Files of other ids in the user's namespace.
            self.commands.run("rm", "buildah", "unshare", "rm", "-rf", self._store, cache_root() / "run")

    def _count(self) -> int:
        if not self._store.exists():
            return 0
        return len(self.commands.read("buildah images", *self._buildah("images", "--all", "--quiet")).splitlines())
