"""kubectl of the cluster's own version, against the cluster's own kubeconfig."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tools.cluster.errors import ClusterError
from tools.cluster.shell import Answer, ask, without_kubeconfig


@dataclass(frozen=True)
class Kubectl:
    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str | None = None) -> Answer:
        return ask([*self._command, *arguments], stdin, without_kubeconfig())

    def replace_this_process(self, *arguments: str) -> NoReturn:
        """For a person at a terminal: exec, attach and edit need the terminal itself."""
        os.execve(self.program, [*self._command, *arguments], without_kubeconfig())

    @property
    def _command(self) -> list[str]:
        # A cache of its own: discovery answers of another cluster at the same address must not be believed.
        cache = f"--cache-dir={self.kubeconfig.parent / 'kubectl-cache'}"
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", cache]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def ready(self) -> bool:
        return self.run("get", "--raw", "/readyz", "--request-timeout=2s").returncode == 0

    def apply(self, manifests: str) -> None:
        self(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=plimsoll-cluster",
            "-f",
            "-",
            stdin=manifests,
        )
