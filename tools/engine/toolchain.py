"""What compiles here: CMake, ninja and a C++ compiler, and what of this machine decides the result."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tools.engine.errors import EngineError

# Command and the Debian package that brings it; without ccache it only takes longer.
_COMMANDS = {"cmake": "cmake", "ninja": "ninja-build", "c++": "g++", "cc": "gcc"}


def compiler() -> str:
    """CMake asks the same variable."""
    return os.environ.get("CXX") or "c++"


def lacking() -> list[str]:
    """One line when something is missing; empty when libraries can be built."""
    absent = [command for command in _COMMANDS if not shutil.which(_chosen(command))]
    if not absent:
        return []
    packages = " ".join(sorted({_COMMANDS[command] for command in absent}))
    return [f"{', '.join(absent)} (Debian: apt-get install {packages})"]


def require() -> None:
    if lacks := lacking():
        raise EngineError(f"llama.cpp cannot be compiled here: missing {lacks[0]}. Then run the same command again.")


def identity() -> str:
    """A compiler of another version builds other libraries."""
    said = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout
    return f"{said.splitlines()[0]} {platform.machine()}"


def processor() -> str:
    """What libraries that are made for this processor only may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor()
    told = {line.partition(":")[0].strip(): line for line in lines}
    return "\n".join(told.get(word, "") for word in ("model name", "flags", "Features"))


def _chosen(command: str) -> str:
    return {"c++": compiler(), "cc": os.environ.get("CC") or "cc"}.get(command, command)
