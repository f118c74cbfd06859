"""Which images there are, and what each is made of."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

# The time of everything in an image; the start of the zip format's calendar, which wheels use as well. A true time
# would give every layer a new digest with every commit: the true time is in the label `created`.
EPOCH = 315532800
# What the base has; wheels are chosen for it outside the build.
PYTHON = "3.11"
GLIBC = 36


@dataclass(frozen=True)
class Recipe:
    """`extras` are those of our wheel; an image without any does not hold it. `at` is a folder outside of images/.

    With `libraries` it holds llama.cpp and its bindings. `files` lie elsewhere in the repository: they are the
    application, beside the scripts of the folder. With `packed` the image is these under other names and nothing else,
    and no engine is needed.
    """

    name: str
    extras: tuple[str, ...] = ()
    at: str = ""
    libraries: bool = False
    files: tuple[str, ...] = ()
    packed: tuple[str, ...] = ()

    def folder(self, root: Path) -> Path:
        return root / self._place

    def containerfile(self, root: Path) -> Path:
        return self.folder(root) / "Containerfile"

    def sources(self) -> tuple[str, ...]:
        """Everything whose change can change the image."""
        wheel = ("operator/plimsoll", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
        return (*(wheel if self.extras else ()), "images/base", self._place, *self.files)

    def files_in(self, root: Path) -> list[Path]:
        return [root / name for name in self.files]

    @property
    def _place(self) -> str:
        return self.at or f"images/{self.name}"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("plimsoll", extras=("operator", "gateway", "fetch", "cli")),
        Recipe("engine", extras=("engine",), libraries=True),
        Recipe("small-model", files=("models/plimsoll-small.gguf",), packed=("model.gguf",)),
    )
}


@dataclass(frozen=True)
class Provenance:
    """Where the sources of an image come from, for its labels."""

    revision: str
    created: str


def provenance(root: Path, sources: tuple[str, ...]) -> Provenance:
    """The last commit that touched the sources: another commit elsewhere does not make another image."""
    commit = _git(root, "log", "-1", "--format=%H %cI", "--", *sources)
    if not commit:
        return Provenance("unknown", "unknown")
    revision, _, created = commit.partition(" ")
    changed = _git(root, "status", "--porcelain", "--", *sources)
    return Provenance(f"{revision}-dirty" if changed else revision, created)


def _git(root: Path, *arguments: str) -> str:
    """Empty also where there is no git and where the sources were unpacked from an archive."""
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
