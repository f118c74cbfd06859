"""One way to ask another program something: its answer as text, its exit code for the caller to judge."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

Answer = subprocess.CompletedProcess[str]


def ask(
    command: Sequence[str | Path],
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Answer:
    try:
        return subprocess.run(
            list(command), check=False, input=stdin, env=env, cwd=cwd, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        # As a shell answers for a program that is not there or cannot be run.
        return subprocess.CompletedProcess(list(command), 127, stdout="", stderr=str(error))


def without_kubeconfig() -> dict[str, str]:
    """The environment less the user's choice of cluster, which is never touched."""
    return {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
