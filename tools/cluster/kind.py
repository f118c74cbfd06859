"""The same interface over kind, for machines where a container engine answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.instance import identity_of, state_root
from tools.cluster.kubectl import Kubectl
from tools.cluster.progress import Progress
from tools.cluster.shell import ask, without_kubeconfig
from tools.cluster.status import ComponentStatus, Status


class KindCluster:
    """One kind cluster; its name carries the checkout, its kubeconfig is a file of its own."""

    def __init__(self, name: str, nodes: int = 1, progress: Progress | None = None) -> None:
        self._name = name
        self._identity = f"plimsoll-{identity_of(name)}"
        self._nodes = nodes
        self._progress = progress or Progress()

    @property
    def folder(self) -> Path:
        return state_root().parent / "kind" / self._identity

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def up(self) -> None:
        if self._exists():
            self._progress.say(f"{self._name} is up already")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "kind.json"
        config.write_text(json.dumps(configuration(self._nodes)))
        with self._progress.step(f"{self._name} with kind"):
            _kind(
                "create",
                "cluster",
                f"--name={self._identity}",
                f"--config={config}",
                f"--kubeconfig={self.kubeconfig}",
                "--wait=120s",
            )
        self._progress.say(f"{self._name} is up: export KUBECONFIG={self.kubeconfig}")

    def load(self, image_archives: Sequence[Path]) -> None:
        for archive in image_archives:
            _kind("load", "image-archive", str(archive), f"--name={self._identity}")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        program = shutil.which("kubectl")
        if not program:
            raise ClusterError("kubectl is not on the PATH; kind does not bring one.")
        return Kubectl(Path(program), self.kubeconfig)(*arguments, stdin=stdin)

    def status(self) -> Status:
        if not self._exists():
            return Status(self._name, "node", "kind", ())
        names = _kind("get", "nodes", f"--name={self._identity}").split()
        return Status(self._name, "node", "kind", [ComponentStatus(name, True) for name in names])

    def logs(self, component: str = "", lines: int = 50) -> str:
        target = self.folder / "logs"
        _kind("export", "logs", str(target), f"--name={self._identity}")
        chosen = [path for path in sorted(target.rglob("*.log")) if component in str(path.relative_to(target))]
        if not chosen:
            raise ClusterError(f"{component!r} has no log in {self._name}; all logs are in {target}")
        return "\n".join(
            f"==> {path.relative_to(target)} <==\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in chosen
        )

    def down(self) -> None:
        _kind("delete", "cluster", f"--name={self._identity}", f"--kubeconfig={self.kubeconfig}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._progress.say(f"{self._name} is down")

    def _exists(self) -> bool:
        return self._identity in _kind("get", "clusters").split()


def configuration(nodes: int) -> dict[str, object]:
    """As the cluster of processes: the same number of nodes, the last ones without control plane."""
    roles = ["control-plane", *["worker"] * (nodes - 1)]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": role} for role in roles],
    }


def _kind(*arguments: str) -> str:
    # Without KUBECONFIG kind would write its default, which is the user's own file.
    done = ask(["kind", *arguments], env=without_kubeconfig())
    if done.returncode != 0:
        raise ClusterError(f"kind {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
