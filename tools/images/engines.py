"""What can build a Containerfile here, and the two engines that keep a store of their own: Docker and Podman."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.cluster.progress import Progress
from tools.images.buildah import Buildah
from tools.images.commands import Commands
from tools.images.debian import DebianBase
from tools.images.errors import ImageError
from tools.images.recipes import EPOCH

NAMES = ("auto", "buildah", "docker", "podman")


class Engine(Protocol):
    """Turns a context into an image of its store, and an image into an archive."""

    @property
    def name(self) -> str: ...

    def inputs(self) -> str:
        """What the engine itself adds to the inputs of an image."""

    def build(self, containerfile: Path, context: Path, arguments: Mapping[str, str]) -> str:
        """The digest of the image."""

    def export(self, digest: str, reference: str, archive: Path) -> None: ...


@dataclass(frozen=True)
class StoreEngine:
    """Docker or Podman: the base is pulled by the engine, unless another one is named."""

    name: str
    flags: tuple[str, ...]
    base: str
    commands: Commands

    def inputs(self) -> str:
        return f"{self.name} {self.base}"

    def build(self, containerfile: Path, context: Path, arguments: Mapping[str, str]) -> str:
        digest = context.parent / "digest"
        given = {**arguments, **({"BASE": self.base} if self.base else {})}
        options = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
        command: list[str | Path] = [
            self.name,
            "build",
            *self.flags,
            *options,
            "--iidfile",
            digest,
            "--file",
            containerfile,
            context,
        ]
        self.commands.run(f"{self.name} build", *command)
        return digest.read_text().strip()

    def export(self, digest: str, reference: str, archive: Path) -> None:
        self.commands.run(f"{self.name} tag", self.name, "tag", digest, reference)
        self.commands.run(f"{self.name} save", self.name, "save", "--output", archive, reference)


def choose(wanted: str, base: str, root: Path, commands: Commands, progress: Progress) -> Engine:
    """buildah first: it needs no daemon and no registry."""
    if wanted == "buildah" or (wanted == "auto" and shutil.which("buildah") and (base or shutil.which("mmdebstrap"))):
        return Buildah(commands, progress, base, DebianBase.of(root))
    makers = {
        # Docker has no flag for the time of files; its builder takes the time of the image from this argument.
        "docker": StoreEngine("docker", ("--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}"), base, commands),
        "podman": StoreEngine("podman", ("--timestamp", str(EPOCH)), base, commands),
    }
    for name in makers if wanted == "auto" else (wanted,):
        if answers(name):
            return makers[name]
    if wanted == "auto":
        raise ImageError("Nothing here can build an image; on Debian, as root: apt-get install buildah mmdebstrap")
    raise ImageError(f"{wanted} does not answer: start its daemon, or build with --engine buildah.")


def answers(engine: str) -> bool:
    """A command without a daemon behind it counts as absent."""
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True, timeout=60, check=False).returncode == 0
