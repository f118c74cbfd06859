"""What this machine can run, and what is missing for the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.cluster.errors import HostUnfit
from tools.cluster.instance import find, identity_of, state_root

# Command and the Debian package that brings it.
_COMMANDS = {"ip": "iproute2", "nft": "nftables", "runc": "runc", "mount": "mount", "nsenter": "util-linux"}
CGROUPS = Path("/sys/fs/cgroup")
_OTHERS = "`make test` still runs the tiers units, api and control, which need neither."


def missing(shape: str) -> list[str]:
    """One line per thing; empty when the shape can run here."""
    if shape != "node":
        return [] if sys.platform in ("linux", "darwin") else ["Linux or macOS"]
    if sys.platform != "linux":
        return ["Linux"]
    lacks = [] if os.geteuid() == 0 else ["root"]
    absent = {command: package for command, package in _COMMANDS.items() if not shutil.which(command)}
    if absent:
        lacks.append(f"{', '.join(absent)} (Debian: apt-get install {' '.join(sorted(absent.values()))})")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        lacks.append("the overlay file system (modprobe overlay)")
    if not cgroup_controllers():
        lacks.append("control groups below /sys/fs/cgroup with cpu, memory and pids")
    return lacks


def cgroup_controllers() -> dict[str, Path]:
    """Where each controller's tree begins: a tree per controller in version 1, one for all in version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return {"unified": CGROUPS} if "memory" in (CGROUPS / "cgroup.controllers").read_text() else {}
    trees = {
        path.name: path for path in CGROUPS.glob("*") if (path / "cgroup.procs").exists() and path.name != "unified"
    }
    return trees if {"cpu", "memory", "pids"} <= set(trees) else {}


def container_engine() -> str | None:
    """An engine whose daemon answers: a command alone cannot run a container."""
    for command in ("docker", "podman"):
        if shutil.which(command):
            try:
                if subprocess.run([command, "info"], check=False, capture_output=True, timeout=20).returncode == 0:
                    return command
            except subprocess.TimeoutExpired:
                continue
    return None


def existing_backend(name: str) -> str | None:
    """What runs an instance that was started before."""
    if find(name):
        return "processes"
    return "kind" if (state_root().parent / "kind" / f"plimsoll-{identity_of(name)}").exists() else None


def choose_backend(shape: str) -> str:
    """`kind` only where it can run and plain processes cannot; whether these can is for `require` to say."""
    if shape == "node" and missing(shape) and container_engine() and shutil.which("kind"):
        return "kind"
    return "processes"


def require(shape: str) -> None:
    """Raises one sentence that says what plain processes lack here, what would do instead, and what still works."""
    lacks = missing(shape)
    if not lacks:
        return
    if shape != "node":
        raise HostUnfit(f"A cluster of this shape needs {', '.join(lacks)}.")
    engine = container_engine()
    instead = f"or kind, which {engine} would run" if engine else "or a container engine that answers, with kind"
    raise HostUnfit(f"A cluster with real nodes needs {', '.join(lacks)} here, {instead}; {_OTHERS}")
