"""One node: a first process that holds its namespaces, and containerd, kubelet and kube-proxy inside them.

Ending that first process ends everything inside, and the kernel takes all mounts and links of the node with it:
nothing can be left behind, also after a crash. Inside, paths are short and the same for every node.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import archives, cgroups, network, pki
from tools.cluster.cache import Cache
from tools.cluster.errors import ComponentFailed
from tools.cluster.instance import Instance, write_atomically
from tools.cluster.process import Order, Process, ProcessTable, wait_until
from tools.cluster.shell import ask

PARTS = ("init", "containerd", "kubelet", "kube-proxy")
_INSIDE = "/run/plimsoll"
_SOCKET = "/run/containerd/containerd.sock"
_VOLUMES = 10
# On every node from the start, as cached archives.
IMAGES = ("pause.tar", "coredns.tar", "probe.tar")


@dataclass(frozen=True)
class Node:
    instance: Instance
    number: int

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def folder(self) -> Path:
        return self.instance.folder / self.name

    @property
    def cgroup(self) -> str:
        return f"{self.instance.cgroup_prefix}{self.number}"

    @property
    def volumes(self) -> dict[str, Path]:
        """Name of each static volume and its folder as the host sees it."""
        return {f"{self.name}-volume-{i}": self.folder / "lib" / "plimsoll" / f"volume-{i}" for i in range(_VOLUMES)}

    def volume_path_inside(self, host_path: Path) -> str:
        return f"/var/lib/plimsoll/{host_path.name}"

    def component(self, part: str) -> str:
        return f"{self.name}-{part}"


def prepare(node: Node, authority: pki.Authority, binaries: Cache) -> None:
    """Folders, certificates and configuration files."""
    for folder in ("cni", "lib", "log", "bin"):
        (node.folder / folder).mkdir(parents=True, exist_ok=True)
    for path in node.volumes.values():
        path.mkdir(parents=True, exist_ok=True)
        # Test pods run under any user and the kubelet does not change the owner of local volumes without an fsGroup.
        path.chmod(0o777)
    address = network.node_address(node.instance, node.number)
    kubelet = pki.Identity(node.name, f"system:node:{node.name}", "system:nodes", hosts=(node.name, address))
    proxy = pki.Identity("kube-proxy", "system:kube-proxy")
    for file, who in (("kubelet.kubeconfig", kubelet), ("kube-proxy.kubeconfig", proxy)):
        write_atomically(node.folder / file, authority.kubeconfig(who, node.instance.api_url, node.instance.name))
    for file in ("ca.crt", f"{node.name}.crt", f"{node.name}.key"):
        shutil.copyfile(node.instance.pki / file, node.folder / file.replace(node.name, "kubelet"))
        (node.folder / file.replace(node.name, "kubelet")).chmod(0o600)
    pause = archives.reference(binaries.path("pause.tar"))
    write_atomically(node.folder / "containerd.toml", _CONTAINERD.replace("PAUSE", pause))
    write_atomically(node.folder / "cni" / "10-bridge.conflist", json.dumps(_cni(node)))
    write_atomically(node.folder / "kubelet.json", json.dumps(_kubelet(node)))
    write_atomically(node.folder / "kube-proxy.json", json.dumps(_kube_proxy(node)))


def start_init(node: Node, processes: ProcessTable, binaries: Cache) -> Process:
    """The namespaces, with private folders wherever a node would otherwise write into the host's."""
    # As after a reboot: a kubelet that finds groups of pods long gone asks for each of them until it gives up.
    cgroups.remove(node.cgroup)
    cgroups.make(node.cgroup)
    mounts = [
        ["mount", "--make-rslave", "/"],
        ["mount", "--make-rshared", "/"],
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"],
        ["mkdir", "-p", f"{_INSIDE}/bin", f"{_INSIDE}/node", "/run/lock"],
        ["mount", "--bind", str(binaries.binaries), f"{_INSIDE}/bin"],
        ["mount", "--bind", str(node.folder), f"{_INSIDE}/node"],
        ["mount", "--bind", f"{_INSIDE}/node/lib", "/var/lib"],
        ["mount", "--bind", f"{_INSIDE}/node/log", "/var/log"],
    ]
    init = processes.start(Order(node.component("init"), [f"{_INSIDE}/bin/pause"], mounts=mounts))
    # Its last act before it runs is to become pause, with every mount in place.
    ready = wait_until(lambda: not init.alive() or _program(init.pid).endswith("/pause"), patience=10)
    if not ready or not init.alive():
        component = node.component("init")
        raise ComponentFailed(component, "did not start", str(processes.log(component)), processes.tail(component, 5))
    return init


def usable(init: Process | None) -> bool:
    """Whether its namespaces can be entered; one that was just killed is gone only when all inside it is."""
    if init is None or not init.alive():
        return False
    if _program(init.pid):
        return True
    wait_until(lambda: not init.alive(), patience=15)
    return False


def _program(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def order(node: Node, part: str, init: Process) -> Order:
    binary = f"{_INSIDE}/bin/{part}"
    arguments = {
        "containerd": [f"--config={_INSIDE}/node/containerd.toml"],
        "kubelet": [
            f"--config={_INSIDE}/node/kubelet.json",
            f"--kubeconfig={_INSIDE}/node/kubelet.kubeconfig",
            f"--hostname-override={node.name}",
            f"--node-ip={network.node_address(node.instance, node.number)}",
        ],
        "kube-proxy": [f"--config={_INSIDE}/node/kube-proxy.json"],
    }[part]
    # containerd finds its shim and runc by PATH.
    path = f"{_INSIDE}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return Order(node.component(part), [binary, *arguments], env={"PATH": path}, enter=init.pid)


def ctr(init: Process, *arguments: str, archive: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Speaks to the node's containerd inside its mount namespace; an archive is read from the host's side."""
    enter = ["nsenter", f"--mount=/proc/{init.pid}/ns/mnt"]
    command = [*enter, f"{_INSIDE}/bin/ctr", "--address", _SOCKET, "--namespace", "k8s.io", *arguments]
    with open(archive or os.devnull, "rb") as content:
        return subprocess.run(command, check=False, stdin=content, capture_output=True)


def containerd_answers(init: Process) -> bool:
    return Path(f"/proc/{init.pid}/root{_SOCKET}").exists() and ctr(init, "version").returncode == 0


def resolves(init: Process, binaries: Cache, name: str, server: str) -> bool:
    """Whether the node itself gets an answer from the cluster's name server, through kube-proxy."""
    lookup = [str(binaries.path("probe")), "lookup", name, server]
    return ask(["nsenter", f"--net=/proc/{init.pid}/ns/net", *lookup]).returncode == 0


def _cni(node: Node) -> dict[str, object]:
    ranges = [[{"subnet": network.pod_subnet(node.instance, node.number)}]]
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "plimsoll", "plugins": [bridge, ports]}


def _kubelet(node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Refused by default since 1.35, and still what many machines have.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failSwapOn": False,
        "clusterDNS": [node.instance.dns_address],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{_INSIDE}/node/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{_INSIDE}/node/kubelet.crt",
        "tlsPrivateKeyFile": f"{_INSIDE}/node/kubelet.key",
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "healthzBindAddress": "127.0.0.1",
        # The disk is the developer's: a laptop at 90 % must not evict the tests.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


def _kube_proxy(node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": node.name,
        "clusterCIDR": node.instance.pod_network,
        "clientConnection": {"kubeconfig": f"{_INSIDE}/node/kube-proxy.kubeconfig"},
        # These limits belong to the whole machine, not to a node.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


_CONTAINERD = """\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "PAUSE"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no sandbox could start otherwise.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/run/plimsoll/bin"]
  conf_dir = "/run/plimsoll/node/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
"""
