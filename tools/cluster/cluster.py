"""A Kubernetes of plain processes: up, load, status, logs, down. Every verb can be repeated, and `up` repairs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tools.cluster import addons, archives, build, cgroups, control_plane, host, instance, network, node, sysctls
from tools.cluster.bringup import Bringup, load_into, node_readiness, nodes_of
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError
from tools.cluster.instance import Instance
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node
from tools.cluster.process import ProcessTable
from tools.cluster.progress import Progress
from tools.cluster.recipe import key
from tools.cluster.status import ComponentStatus, Status

_NOTES = (
    "NetworkPolicies are accepted and not enforced: this network has no policy engine.",
    "Pods reach each other and the host, and nothing beyond it.",
)


class ProcessCluster:
    """One instance by name. Holds no state of its own: all of it is in the run folder and in the processes."""

    def __init__(self, name: str, shape: str = "node", nodes: int = 1, progress: Progress | None = None) -> None:
        self._name = name
        self._shape = shape
        self._wanted_nodes = nodes
        self._progress = progress or Progress()
        if instance.find(name) is None:
            instance.identity_of(name)

    # What others may ask of a cluster.

    @property
    def instance(self) -> Instance:
        found = instance.find(self._name)
        if found is None:
            raise ClusterError(f"There is no cluster {self._name!r}; `make cluster CLUSTER={self._name}` starts it.")
        return found

    @property
    def run_folder(self) -> Path:
        return self.instance.folder

    @property
    def kubeconfig(self) -> Path:
        return self.instance.kubeconfig

    @property
    def audit_log(self) -> Path:
        return self.instance.audit_log

    @property
    def probe_image(self) -> str:
        """The image of the small program that test pods run; it is on every node."""
        return archives.reference(self._binaries().path("probe.tar"))

    @property
    def nodes(self) -> list[Node]:
        return nodes_of(self.instance)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._kubectl()(*arguments, stdin=stdin)

    def become_kubectl(self, *arguments: str) -> NoReturn:
        self._kubectl().replace_this_process(*arguments)

    def up(self) -> None:
        """To a cluster that works, whatever there is now."""
        host.require(self._shape)
        here = instance.create(self._name, self._shape)
        if here.shape != self._shape:
            raise ClusterError(
                f"{self._name} is up in the {here.shape} shape: take it down first, or choose another name."
            )
        with instance.locked(here.folder / "lock"):
            if self._complete():
                # Else a cluster that never needs repair would lose its binaries to `prune`.
                self._binaries().touch()
                self._progress.say(f"{self._name} is up already")
                return
            binaries = build.ensure(self._shape, self._progress)
            instance.write_atomically(here.folder / "recipe", binaries.folder.name)
            bringup = Bringup(here, binaries, self._processes(), self._kubectl(), self._progress)
            bringup.run(self._wanted_nodes, datetime.datetime.now(datetime.UTC))
            (here.folder / "complete").touch()
        self._progress.say(f"{self._name} is up: export KUBECONFIG={here.kubeconfig}")

    def load(self, image_archives: Sequence[Path]) -> None:
        """Imports image archives (OCI or docker) into every node; nothing is pulled in this cluster."""
        if not self.nodes:
            raise ClusterError(f"{self._name} has no nodes, so images cannot be loaded: use the node shape.")
        for each in self.nodes:
            load_into(each, self._processes(), image_archives)

    def status(self) -> Status:
        found = instance.find(self._name)
        if found is None:
            return Status(self._name, self._shape, "processes", ())
        table = self._processes()
        components = [self._component(table, name, True) for name in control_plane.COMPONENTS[found.shape]]
        components += [self._component(table, n.component(part), False) for n in self.nodes for part in node.PARTS]
        problems = [f"{c.name} is not running; its log: {c.log}; `up` repairs" for c in components if not c.running]
        ready: list[str] = []
        # Without etcd the API server only lets callers wait.
        if table.alive("etcd") and table.alive("kube-apiserver"):
            ready, trouble = self._ask_api()
            problems += trouble
        notes = list(_NOTES) if found.shape == "node" else []
        if (recipe := found.folder / "recipe").exists() and recipe.read_text() != key():
            notes.append("It runs binaries of an older recipe: `down` and `up` takes the new ones.")
        return Status(self._name, found.shape, "processes", components, ready, problems, notes)

    def logs(self, component: str = "", lines: int = 50) -> str:
        table = self._processes()
        names = [path.stem for path in sorted(self.instance.logs.glob("*.log"))]
        if not component:
            return "\n".join(f"==> {name} <==\n{table.tail(name, lines)}" for name in names)
        if component not in names:
            raise ClusterError(f"{component!r} has no log in {self._name}; there are: {', '.join(names)}")
        return table.tail(component, lines)

    def pretend_gpus(self, node_name: str, count: int) -> None:
        addons.pretend_gpus(self._kubectl(), node_name, count)

    def recycle_volumes(self) -> list[str]:
        return addons.recycle(self._kubectl(), self.nodes)

    def down(self) -> None:
        """Ends and removes everything of this instance, also after a crash; doing it twice is fine."""
        found = instance.find(self._name)
        if found is None:
            self._progress.say(f"{self._name} is not up")
            return
        with instance.locked(found.folder / "lock"):
            self._end_everything(found)
        self._progress.say(f"{self._name} is down")

    # How it is done.

    def _processes(self) -> ProcessTable:
        here = self.instance
        return ProcessTable(here.records, here.logs)

    def _binaries(self) -> Cache:
        recipe = self.instance.folder / "recipe"
        if not recipe.exists():
            raise ClusterError(f"{self._name} was never up completely; `make cluster CLUSTER={self._name}` goes on.")
        return Cache.of(recipe.read_text())

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._binaries().path("kubectl"), self.instance.kubeconfig)

    def _component(self, table: ProcessTable, name: str, control: bool) -> ComponentStatus:
        process = table.get(name)
        log = str(table.log(name))
        if process is None or not process.alive():
            return ComponentStatus(name, False, log=log, control_plane=control)
        return ComponentStatus(name, True, process.pid, process.resident_bytes(), log, control)

    def _ask_api(self) -> tuple[list[str], list[str]]:
        """Nodes in words, and what is wrong."""
        kubectl = self._kubectl()
        if not kubectl.ready():
            return [], [f"kube-apiserver does not answer; its log: {self._processes().log('kube-apiserver')}"]
        ready = node_readiness(kubectl)
        expected = [each.name for each in self.nodes] or list(ready)
        problems = [f"{name} is not Ready; see the log of {name}-kubelet" for name in expected if not ready.get(name)]
        return [f"{name} {'Ready' if is_ready else 'NotReady'}" for name, is_ready in ready.items()], problems

    def _complete(self) -> bool:
        here = self.instance
        started = (here.folder / "complete").exists()
        return started and (self._shape != "node" or len(self.nodes) >= self._wanted_nodes) and self.status().healthy

    def _end_everything(self, here: Instance) -> None:
        table = self._processes()
        for each in self.nodes:
            init = table.get(each.component("init"))
            if init:
                # Ends all that runs inside; the parts need not be asked one by one.
                table.stop(init, patience=5)
        order = [*control_plane.COMPONENTS[here.shape]]
        for process in sorted(
            table.all(), key=lambda p: order.index(p.component) if p.component in order else 99, reverse=True
        ):
            table.stop(process, patience=10)
        if here.shape == "node":
            network.remove(here)
            # A number and no more: another instance may be named so that its groups begin like ours.
            cgroups.remove(f"{here.cgroup_prefix}[0-9]")
        _require_unmounted(here.folder)
        instance.remove(here)
        if here.shape == "node":
            sysctls.put_back()


def _require_unmounted(folder: Path) -> None:
    """Nothing of ours is mounted on the host; removing a folder through a mount would remove what is mounted."""
    mounted = [
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {folder}/" in line
    ]
    if mounted:
        raise ClusterError(f"{', '.join(mounted)} is mounted inside {folder}: unmount it, then run `down` again.")
