"""Collects what is installed in an image: the wheels of the lock, checked by hash, and the project's own."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from uv import find_uv_bin

from tools.cluster.cache import sha256
from tools.cluster.progress import Progress
from tools.images.commands import Commands, cache_root
from tools.images.recipes import GLIBC, PYTHON

_UV_ENV = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}


def export(root: Path, extras: Iterable[str], commands: Commands) -> str:
    """The lock's part for these extras as hashed requirements, for every platform that the lock knows."""
    chosen = [word for extra in extras for word in ("--extra", extra)]
    options = ["--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
    return commands.read("uv export", find_uv_bin(), "export", *options, *chosen, env=_UV_ENV, cwd=root)


def own(root: Path, target: Path, commands: Commands) -> Path:
    """The project's wheel; the same sources give the same bytes."""
    shutil.rmtree(target, ignore_errors=True)
    commands.run("uv build", find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", target, root, env=_UV_ENV)
    return next(target.glob("*.whl"))


def collect(requirements: str, commands: Commands, progress: Progress) -> Path:
    """A cached folder: requirements.txt for the image's platform, and wheels/ that hold to its hashes."""
    key = hashlib.sha256(f"{requirements}{PYTHON}{GLIBC}{platform.machine()}".encode()).hexdigest()[:16]
    folder = cache_root() / "wheels" / key
    if folder.exists() and _intact(folder):
        os.utime(folder)  # in use, for `prune`
        return folder
    # Under its final name only when it is whole: what an interrupted run left is thrown away.
    made = folder.with_suffix(".new")
    for old in (folder, made):
        shutil.rmtree(old, ignore_errors=True)
    (made / "wheels").mkdir(parents=True)
    with progress.step("wheels of the lock"):
        described = made / "requirements.txt"
        described.write_text(requirements)
        described.write_text(select(requirements, _wanted(described, commands)))
        _download(described, made / "wheels", commands)
    return made.rename(folder)


def select(requirements: str, wanted: set[str]) -> str:
    """Only what is wanted, as NAME==VERSION, and without conditions: pip would ask them of the Python that runs it."""
    blocks = re.split(r"(?m)^(?=\S)", requirements)
    kept = [block for block in blocks if block and block.split(maxsplit=1)[0] in wanted]
    return "".join(re.sub(r" ;.*?(?= \\$)", "", block, count=1, flags=re.MULTILINE) for block in kept)


def _wanted(requirements: Path, commands: Commands) -> set[str]:
    """Which of them this platform needs, by uv's own judgement."""
    arguments = ["--dry-run", "--quiet", "--output-format", "json", "--no-deps", "--python-version", PYTHON]
    arguments += ["--python-platform", f"{platform.machine()}-manylinux_2_{GLIBC}"]
    with tempfile.TemporaryDirectory() as nowhere:
        command: list[str | Path] = [
            find_uv_bin(),
            "pip",
            "install",
            *arguments,
            "--target",
            nowhere,
            "--requirements",
            requirements,
        ]
        planned = json.loads(commands.read("uv pip install --dry-run", *command, env=_UV_ENV))
    return {f"{change['name']}=={change['version']}" for change in planned["changes"]}


def _download(requirements: Path, target: Path, commands: Commands) -> None:
    if not requirements.read_text():
        return
    machine = platform.machine()
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(5, GLIBC + 1)]
    tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    options += ["--implementation", "cp", "--python-version", PYTHON]
    options += [word for tag in tags for word in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "download"]
    commands.run("pip download", *pip, *options, "--requirement", requirements, "--dest", target)


def _intact(folder: Path) -> bool:
    allowed = set(re.findall(r"--hash=sha256:(\w+)", (folder / "requirements.txt").read_text()))
    return all(sha256(wheel) in allowed for wheel in (folder / "wheels").iterdir())
