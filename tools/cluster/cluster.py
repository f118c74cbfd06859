"""A Kubernetes of plain processes: up, load, status, logs, down. Every verb can be repeated, and `up` repairs."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.cluster import addons, archives, build, control_plane, host, instance, network, node, sysctls
from tools.cluster.cache import Cache
from tools.cluster.cgroups import remove as remove_cgroup
from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.instance import Instance
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node
from tools.cluster.process import Process, ProcessTable, wait_until
from tools.cluster.progress import Progress
from tools.cluster.recipe import key
from tools.cluster.status import ComponentStatus, Status

_PATIENCE = 60.0
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
        here = self.instance
        return [Node(here, n) for n in range(1, instance.MOST_NODES + 1) if (here.folder / f"node-{n}").exists()]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._kubectl()(*arguments, stdin=stdin)

    def up(self) -> None:
        """To a cluster that works, whatever there is now."""
        host.choose_backend(self._shape)
        here = instance.create(self._name, self._shape)
        if here.shape != self._shape:
            raise ClusterError(
                f"{self._name} is up in the {here.shape} shape: take it down first, or choose another name for the {self._shape} shape."
            )
        with instance.locked(here.folder / "lock"):
            if self._complete():
                self._progress.say(f"{self._name} is up already")
                return
            binaries = build.ensure(self._shape, self._progress)
            instance.write_atomically(here.folder / "recipe", binaries.folder.name)
            self._start(binaries)
        self._progress.say(f"{self._name} is up: export KUBECONFIG={here.kubeconfig}")

    def load(self, image_archives: Sequence[Path]) -> None:
        """Imports image archives (OCI or docker) into every node; nothing is pulled in this cluster."""
        if not self.nodes:
            raise ClusterError(f"{self._name} has no nodes, so images cannot be loaded: use the node shape.")
        for each in self.nodes:
            self._load_into(each, image_archives)

    def status(self) -> Status:
        found = instance.find(self._name)
        if found is None:
            return Status(self._name, self._shape, "processes", ())
        table = self._processes()
        components = [self._component(table, name, True) for name in control_plane.COMPONENTS[found.shape]]
        components += [self._component(table, n.component(part), False) for n in self.nodes for part in node.PARTS]
        problems = [f"{c.name} is not running; its log: {c.log}; `up` repairs" for c in components if not c.running]
        ready: list[str] = []
        if table.alive("kube-apiserver"):
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
        return Cache.of((self.instance.folder / "recipe").read_text())

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
        listed = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
        ready = {item["metadata"]["name"]: _condition(item, "Ready") for item in listed}
        expected = [each.name for each in self.nodes] or list(ready)
        problems = [f"{name} is not Ready; see the log of {name}-kubelet" for name in expected if ready.get(name) != "True"]
        return [f"{name} {'Ready' if state == 'True' else 'NotReady'}" for name, state in ready.items()], problems

    def _complete(self) -> bool:
        here = self.instance
        started = (here.folder / "complete").exists()
        return started and (self._shape != "node" or len(self.nodes) >= self._wanted_nodes) and self.status().healthy

    def _start(self, binaries: Cache) -> None:
        here = self.instance
        authority = control_plane.prepare(here, datetime.datetime.now(datetime.UTC))
        if self._shape == "node":
            sysctls.note()
            network.make_bridge(here)
        for component in control_plane.COMPONENTS[self._shape]:
            self._start_control(component, binaries)
        if self._shape == "control":
            self._kubectl().apply(addons.fake_nodes())
            self._wait_for_nodes(list(addons.FAKE_NODES))
        if self._shape == "node":
            count = max(self._wanted_nodes, len(self.nodes))
            self._start_nodes([Node(here, number) for number in range(1, count + 1)], authority, binaries)
        (here.folder / "complete").touch()

    def _start_control(self, component: str, binaries: Cache) -> None:
        table, here = self._processes(), self.instance
        if table.alive(component):
            return
        control_plane.require_free(component, here, table.log(component))
        with self._progress.step(component):
            table.start(control_plane.order(component, here, binaries))
            if component == "kube-apiserver":
                self._await(component, self._kubectl().ready, pause=0.1)
            else:
                self._await(component, lambda: all(map(control_plane.listens, control_plane.addresses(component, here))))

    def _start_nodes(self, nodes: list[Node], authority: control_plane.pki.Authority, binaries: Cache) -> None:
        with self._progress.step(f"{len(nodes)} node{'s' * (len(nodes) > 1)}"):
            inits = {each: self._start_node(each, authority, binaries) for each in nodes}
            for each, init in inits.items():
                others = [other.number for other in nodes if other is not each]
                network.connect_pods(self.instance, each.number, init.pid, others)
            self._wait_for_nodes([each.name for each in nodes])
        with self._progress.step("names and volumes"):
            kubectl = self._kubectl()
            kubectl.apply(addons.dns_and_storage(self.instance, binaries, nodes))
            addons.recycle(kubectl, nodes)
            done = kubectl.run("--namespace=kube-system", "rollout", "status", "deployment/coredns", f"--timeout={_PATIENCE:.0f}s")
            if done.returncode != 0:
                events = kubectl.run("--namespace=kube-system", "get", "events").stdout
                log = str(self._processes().log(nodes[0].component("kubelet")))
                raise ComponentFailed("coredns", "did not become ready", log, events)

    def _start_node(self, each: Node, authority: control_plane.pki.Authority, binaries: Cache) -> Process:
        table = self._processes()
        node.prepare(each, authority, binaries)
        init = table.get(each.component("init"))
        if init is None or not init.alive():
            init = node.start_init(each, table, binaries)
        network.connect_node(self.instance, each.number, init.pid)
        for part in node.PARTS[1:]:
            if table.alive(each.component(part)):
                continue
            if part == "kubelet":
                self._await(each.component("containerd"), lambda init=init: node.containerd_answers(init), pause=0.1)
                self._load_into(each, [binaries.path(name) for name in ("pause.tar", "coredns.tar", "probe.tar")])
            table.start(node.order(each, part, init))
        return init

    def _load_into(self, each: Node, image_archives: Sequence[Path]) -> None:
        init = self._processes().get(each.component("init"))
        if init is None or not init.alive():
            raise ClusterError(f"{each.name} is not running: `up` repairs it, then load again.")
        for archive in image_archives:
            done = node.ctr(init, "images", "import", "-", archive=archive)
            if done.returncode != 0:
                raise ClusterError(f"{each.name} cannot import {archive}: {done.stderr.decode().strip()}")

    def _wait_for_nodes(self, names: list[str]) -> None:
        def all_ready() -> bool:
            done = self._kubectl().run("get", "nodes", "--output=json")
            items = json.loads(done.stdout)["items"] if done.returncode == 0 else []
            return set(names) <= {item["metadata"]["name"] for item in items if _condition(item, "Ready") == "True"}

        self._await(f"{names[0]}-kubelet" if self._shape == "node" else "kwok", all_ready, pause=0.2)

    def _await(self, component: str, ready: object, pause: float = 0.02) -> None:
        """Until it is ready; a component that ended meanwhile is named with the end of its log."""
        table = self._processes()
        assert callable(ready)
        gone: list[str] = []

        def over() -> bool:
            gone[:] = [each.component for each in table.all() if not each.alive()]
            return bool(gone) or bool(ready())

        in_time = wait_until(over, _PATIENCE, pause)
        if gone:
            raise ComponentFailed(gone[0], "ended", str(table.log(gone[0])), table.tail(gone[0], 5))
        if not in_time:
            what = f"is not ready after {_PATIENCE:.0f} s"
            raise ComponentFailed(component, what, str(table.log(component)), table.tail(component, 5))

    def _end_everything(self, here: Instance) -> None:
        table = self._processes()
        for each in self.nodes:
            init = table.get(each.component("init"))
            if init:
                # Ends all that runs inside; the parts need not be asked one by one.
                table.stop(init, patience=5)
        order = [*control_plane.COMPONENTS[here.shape]]
        for process in sorted(table.all(), key=lambda p: order.index(p.component) if p.component in order else 99, reverse=True):
            table.stop(process, patience=10)
        if here.shape == "node":
            network.remove(here)
            for each in self.nodes:
                remove_cgroup(each.cgroup)
        _require_unmounted(here.folder)
        shutil.rmtree(here.folder)
        if here.shape == "node":
            sysctls.put_back()


def _condition(item: dict[str, object], kind: str) -> str:
    status = item.get("status")
    assert isinstance(status, dict)
    return next((str(c["status"]) for c in status.get("conditions", []) if c["type"] == kind), "Unknown")


def _require_unmounted(folder: Path) -> None:
    """Nothing of ours is mounted on the host; removing a folder through a mount would remove what is mounted."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {folder}/" in line]
    if mounted:
        raise ClusterError(f"{', '.join(mounted)} is mounted inside {folder}: unmount it, then run `down` again.")
