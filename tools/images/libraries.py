"""llama.cpp for the engine's image: compiled on this machine, and refused where the image could not run it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tools.cluster.progress import Progress
from tools.engine import build
from tools.engine.recipes import PORTABLE, require_machine
from tools.images.errors import ImageError
from tools.images.recipes import GLIBC

# What Debian 12 has, in the base and in the public Python image.
_NEWEST = {"GLIBC": (2, GLIBC), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}
_VERSION = re.compile(r"\b(GLIBC|GLIBCXX|CXXABI)_([0-9.]+)")


def portable(progress: Progress) -> Path:
    """The folder with `lib`, `python` and `licenses`; made once, from the cache afterwards."""
    require_machine()
    folder = build.ensure(PORTABLE, progress)
    if newer := too_new(_needs(folder / "lib")):
        raise ImageError(
            f"What this machine compiles needs {', '.join(newer)}, and the image has the libraries of Debian 12: "
            "build the engine's image on Debian 12, or set CC and CXX to compilers that build for it."
        )
    return folder


def too_new(needs: str) -> list[str]:
    """The versions of symbols that the image's own libraries do not have."""
    found = {(name, _numbers(version)) for name, version in _VERSION.findall(needs)}
    return [f"{name} {'.'.join(map(str, version))}" for name, version in sorted(found) if version > _NEWEST[name]]


def _needs(lib: Path) -> str:
    """Which versions of whose symbols the libraries ask for."""
    found = sorted(path for path in lib.iterdir() if not path.is_symlink())
    command: list[str | Path] = ["readelf", "--wide", "--version-info", *found]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))
