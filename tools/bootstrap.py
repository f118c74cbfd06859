"""Makes .venv from nothing but python3: pip fetches the uv that uv.lock pins, uv installs the rest of the lock."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"


class BootstrapError(Exception):
    """Says what to do before .venv can be made."""


def refuse_old_python(version: tuple[int, ...]) -> None:
    if version < (3, 11):
        found = ".".join(str(part) for part in version)
        raise BootstrapError(f"python3 is {found}, 3.11 or newer is needed: name one, as in make PYTHON=python3.12")


def pinned_uv(lock: dict[str, Any]) -> tuple[str, list[str]]:
    """Version and hashes of the uv in the lock: pip checks what it downloads against them."""
    uv = next(package for package in lock["package"] if package["name"] == "uv")
    return uv["version"], [wheel["hash"] for wheel in uv["wheels"]]


def environment() -> dict[str, str]:
    """The user's environment, less another active virtual environment, which uv would warn about."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return {"UV_SYSTEM_CERTS": "1", **kept, "UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON_DOWNLOADS": "never"}


def output_of(*command: str | Path) -> str:
    """What the command printed, or nothing where it cannot run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(step: str, fix: str, *command: str | Path) -> None:
    """Run quietly: what the command said is shown only when it failed."""
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BootstrapError(f"{step} failed: {fix}. It said:\n{done.stdout}{done.stderr}".rstrip())


def make_venv() -> None:
    if not output_of(PYTHON, "-m", "pip", "--version"):
        fix = "on Debian, apt-get install python3-venv brings it"
        run("python3 -m venv", fix, sys.executable, "-m", "venv", "--clear", VENV)


def install_uv() -> None:
    import tomllib  # not at the top: a Python too old to have it is to be refused in words

    version, hashes = pinned_uv(tomllib.loads((ROOT / "uv.lock").read_text()))
    if output_of(UV, "--version").startswith(f"uv {version} "):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(" ".join([f"uv=={version}", *(f"--hash={value}" for value in hashes)]))
        requirements.flush()
        fix = "pip could not fetch uv; check the network, the proxy, or PIP_INDEX_URL if you have an index of your own"
        run("pip", fix, PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements.name)


def sync() -> None:
    fix = "uv could not install what uv.lock names; check the network, the proxy, or UV_DEFAULT_INDEX"
    run("uv sync", fix, UV, "sync", "--frozen", "--all-extras", "--quiet")


def main() -> int:
    begun = time.monotonic()
    try:
        refuse_old_python(sys.version_info[:3])
        make_venv()
        install_uv()
        sync()
    except BootstrapError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    print(f"setup: .venv is as uv.lock says ({time.monotonic() - begun:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
