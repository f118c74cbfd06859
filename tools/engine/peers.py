"""What the engine is measured beside: llama.cpp's own server and the one of llama-cpp-python, from the same source."""

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

from tools.cluster.instance import locked
from tools.cluster.progress import Progress
from tools.engine import build, recipes, source
from tools.engine.running import run

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Peers:
    """`python -m llama_cpp.server` runs with this Python, on the libraries of `make engine`."""

    llama_server: Path
    python: Path


def ensure(progress: Progress) -> Peers:
    """Both, built where they are not there yet: some minutes for llama-server."""
    native = build.ensure(recipes.NATIVE, progress)
    server = build.ensure(recipes.SERVER, progress)
    return Peers(server / "bin" / "llama-server", _environment(native, progress) / "bin" / "python")


def _environment(native: Path, progress: Progress) -> Path:
    """In the cache, like the libraries that it links to."""
    wanted = _requirements()
    told = f"{wanted}{native}{sys.version}{sys.executable}"
    folder = build.cache_root() / f"peer-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        with locked(build.cache_root() / "lock"):
            if not folder.is_dir():
                with progress.step("environment of llama_cpp.server"):
                    _make(folder, native, wanted, progress)
    os.utime(folder)  # in use, for `prune`
    return folder


def _requirements() -> str:
    """The lock's part for it, with hashes."""
    only = ["--quiet", "--frozen", "--no-emit-project", "--no-header", "--no-annotate", "--only-group", "peers"]
    command: list[str | Path] = [find_uv_bin(), "export", *only, "--project", ROOT]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _make(folder: Path, native: Path, wanted: str, progress: Progress) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
    made, listed, log = scratch / "made", scratch / "requirements.txt", scratch / "build.log"
    listed.write_text(wanted)
    uv, settings = find_uv_bin(), os.environ | {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    run("uv venv", [uv, "venv", "--quiet", "--python", sys.executable, made], log, progress, settings)
    python = made / "bin" / "python"
    sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, listed]
    run("uv pip sync", sync, log, progress, settings)
    package = next(made.glob("lib/python*/site-packages")) / "llama_cpp"
    shutil.copytree(source.bindings(), package)
    # The bindings look for their libraries here first.
    (package / "lib").symlink_to(native / "lib")
    made.rename(folder)
    shutil.rmtree(scratch)
