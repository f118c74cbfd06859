"""Bringing a cluster up, or back: every component that does not run is started, in order, and waited for."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tools.cluster import addons, control_plane, network, node, sysctls
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.instance import MOST_NODES, Instance
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node
from tools.cluster.pki import Authority
from tools.cluster.process import Process, ProcessTable, wait_until
from tools.cluster.progress import Progress

_PATIENCE = 60.0
_FULL = "no space left on device"


@dataclass(frozen=True)
class Bringup:
    instance: Instance
    binaries: Cache
    processes: ProcessTable
    kubectl: Kubectl
    progress: Progress
    _seen: set[str] = field(default_factory=set)

    def run(self, wanted_nodes: int, now: datetime.datetime) -> None:
        authority = control_plane.prepare(self.instance, now)
        shape = self.instance.shape
        if shape == "node":
            sysctls.note()
            network.make_bridge(self.instance)
        for component in control_plane.COMPONENTS[shape]:
            self._start_control(component)
        if shape == "control":
            self.kubectl.apply(addons.fake_nodes())
            self._await("kwok", partial(self._ready, list(addons.FAKE_NODES)), pause=0.2)
        if shape == "node":
            count = max(wanted_nodes, len(nodes_of(self.instance)))
            self._start_nodes([Node(self.instance, number) for number in range(1, count + 1)], authority)

    def _start_control(self, component: str) -> None:
        addresses = control_plane.addresses(component, self.instance)
        ready = self.kubectl.ready if component == "kube-apiserver" else partial(_all_listen, addresses)
        if self.processes.alive(component) and ready():
            return
        with self.progress.step(component):
            # One that runs and is not ready may only be waiting for what was just repaired.
            if not self.processes.alive(component):
                control_plane.require_free(component, self.instance, self.processes.log(component))
                self.processes.start(control_plane.order(component, self.instance, self.binaries))
            self._await(component, ready, pause=0.1)

    def _start_nodes(self, nodes: list[Node], authority: Authority) -> None:
        with self.progress.step(f"{len(nodes)} node{'s' * (len(nodes) > 1)}"):
            inits = {each: self._start_node(each, authority) for each in nodes}
            for each, init in inits.items():
                network.connect_pods(self.instance, init.pid, [other.number for other in nodes if other is not each])
            for each in nodes:
                self._await(each.component("kubelet"), partial(self._node_works, each), pause=0.2)
        with self.progress.step("names and volumes"):
            self.kubectl.apply(addons.dns_and_storage(self.instance, self.binaries, nodes))
            addons.recycle(self.kubectl, nodes)
            # Asked of the name server itself: what the API says of its pod may be older than a crash.
            name, server = "kubernetes.default.svc.cluster.local", self.instance.dns_address
            for each, init in inits.items():
                answers = partial(node.resolves, init, self.binaries, name, server)
                self._await(each.component("kubelet"), answers, pause=0.2)

    def _start_node(self, each: Node, authority: Authority) -> Process:
        node.prepare(each, authority, self.binaries)
        init = self.processes.get(each.component("init"))
        if init is None or not node.usable(init):
            init = node.start_init(each, self.processes, self.binaries)
        network.connect_node(self.instance, each.number, init.pid)
        for part in node.PARTS[1:]:
            if self.processes.alive(each.component(part)):
                continue
            if part == "kubelet":
                self._await(each.component("containerd"), partial(node.containerd_answers, init), pause=0.1)
                load_into(each, self.processes, [self.binaries.path(name) for name in node.IMAGES])
            self.processes.start(node.order(each, part, init))
        return init

    def _node_works(self, each: Node) -> bool:
        # The API keeps calling a node Ready for a while after its kubelet is gone, so the kubelet is asked too.
        kubelet = (network.node_address(self.instance, each.number), 10250)
        return control_plane.listens(kubelet) and self._ready([each.name])

    def _ready(self, names: Sequence[str]) -> bool:
        return set(names) <= {name for name, ready in node_readiness(self.kubectl).items() if ready}

    def _await(self, component: str, ready: Callable[[], bool], pause: float = 0.02) -> None:
        """Until it is ready; a component that ended meanwhile is named with the end of its log."""
        table = self.processes
        # What was dead before this `up` is repaired in its turn; what died since it was seen alive is the news.
        self._seen.update([component, *(each.component for each in table.all() if each.alive())])
        watched = [each for each in table.all() if each.component in self._seen]
        gone: list[str] = []

        def over() -> bool:
            gone[:] = [each.component for each in watched if not each.alive()]
            return bool(gone) or ready()

        in_time = wait_until(over, _PATIENCE, pause)
        if gone or not in_time:
            self._tell_full_disk(watched)
        if gone:
            raise ComponentFailed(gone[0], "ended", str(table.log(gone[0])), table.tail(gone[0], 5))
        if not in_time:
            what = f"is not ready after {_PATIENCE:.0f} s"
            raise ComponentFailed(component, what, str(table.log(component)), table.tail(component, 5))

    def _tell_full_disk(self, watched: Sequence[Process]) -> None:
        """Who has no space may live on, while others that depend on it end and look guilty."""
        for each in watched:
            if _FULL in self.processes.said(each).lower():
                what = "has no space left on its disk; free some and run `up` again"
                raise ComponentFailed(each.component, what, str(self.processes.log(each.component)))


def _all_listen(addresses: Sequence[tuple[str, int]]) -> bool:
    return all(control_plane.listens(address) for address in addresses)


def nodes_of(instance: Instance) -> list[Node]:
    numbers = range(1, MOST_NODES + 1)
    return [Node(instance, number) for number in numbers if (instance.folder / f"node-{number}").exists()]


def node_readiness(kubectl: Kubectl) -> dict[str, bool]:
    """Every node that the API knows; none while it does not answer."""
    done = kubectl.run("get", "nodes", "--output=json", "--request-timeout=5s")
    items = json.loads(done.stdout)["items"] if done.returncode == 0 else []
    return {item["metadata"]["name"]: _is_ready(item["status"].get("conditions", [])) for item in items}


def _is_ready(conditions: list[dict[str, str]]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def load_into(each: Node, processes: ProcessTable, image_archives: Sequence[Path]) -> None:
    init = processes.get(each.component("init"))
    if init is None or not init.alive():
        raise ClusterError(f"{each.name} is not running: `up` repairs it, then load again.")
    for archive in image_archives:
        done = node.ctr(init, "images", "import", "-", archive=archive)
        if done.returncode != 0:
            raise ClusterError(f"{each.name} cannot import {archive}: {done.stderr.decode().strip()}")
    name_by_digest(init)


def name_by_digest(init: Process) -> None:
    """What was imported has tags only, and pods may name an image by its digest."""
    listed = [line.split()[:3] for line in node.ctr(init, "images", "ls").stdout.decode().splitlines()[1:]]
    known = {reference for reference, *_ in listed}
    for reference, _, digest in listed:
        wanted = f"{reference.rpartition(':')[0]}@{digest}"
        if "@" not in reference and "/" in reference and wanted not in known:
            node.ctr(init, "images", "tag", reference, wanted)
