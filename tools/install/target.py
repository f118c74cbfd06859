"""Which cluster is meant: the one that CLUSTER names, else the one that KUBECONFIG names, else the cluster `test`."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.cluster import build, choose_cluster, host
from tools.cluster.progress import Progress
from tools.cluster.shell import ask
from tools.install.errors import InstallError

DEFAULT = "test"


class Kubectl(Protocol):
    """Runs kubectl and gives back what it printed; what goes wrong is raised with kubectl's own words."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> str: ...


@dataclass(frozen=True)
class Target:
    """A cluster to install on; `name` is empty for one that this checkout did not make."""

    words: str
    kubectl: Kubectl
    name: str = ""


@dataclass(frozen=True)
class KubectlOfTheUser:
    """kubectl against whatever the environment names, with all that a kubeconfig can hold."""

    program: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = ask([self.program, *arguments], stdin)
        if done.returncode != 0:
            raise InstallError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout


def choose(name: str, progress: Progress) -> Target:
    """By name if one is given; a kubeconfig that merely lies in the home folder is never taken."""
    if not name and os.environ.get("KUBECONFIG"):
        kubectl = KubectlOfTheUser(find_kubectl(progress))
        return Target(f"the cluster of KUBECONFIG, context {kubectl('config', 'current-context').strip()}", kubectl)
    chosen = name or DEFAULT
    if host.existing_backend(chosen) is None:
        raise InstallError(
            f"There is no cluster {chosen!r} here: `make cluster CLUSTER={chosen}` starts it, "
            "or set KUBECONFIG to install on a cluster of your own."
        )
    return Target(f"cluster {chosen}", choose_cluster(chosen).kubectl, chosen)


def find_kubectl(progress: Progress) -> Path:
    """The machine's own, else the one that comes with our clusters."""
    found = shutil.which("kubectl")
    return Path(found) if found else build.ensure("api", progress).path("kubectl")
