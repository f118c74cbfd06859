"""What a cluster is made of: every binary, the Go package it comes from, and the key that names exactly this set."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent / "go"
KUBERNETES = "v1.36.3"
LEAST_GO = (1, 26, 3)
TAGS = "no_btrfs,no_zfs,no_devmapper"

_KUBERNETES = "k8s.io/kubernetes/cmd/"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd/"
_CNI = "github.com/containernetworking/plugins/plugins/"

# The control plane runs on any Unix; a node needs Linux.
CONTROL = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": _KUBERNETES + "kube-apiserver",
    "kube-controller-manager": _KUBERNETES + "kube-controller-manager",
    "kube-scheduler": _KUBERNETES + "kube-scheduler",
    "kubectl": _KUBERNETES + "kubectl",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
NODE = {
    "kubelet": _KUBERNETES + "kubelet",
    "kube-proxy": _KUBERNETES + "kube-proxy",
    "containerd": _CONTAINERD + "containerd",
    "containerd-shim-runc-v2": _CONTAINERD + "containerd-shim-runc-v2",
    "ctr": _CONTAINERD + "ctr",
    "bridge": _CNI + "main/bridge",
    "loopback": _CNI + "main/loopback",
    "host-local": _CNI + "ipam/host-local",
    "portmap": _CNI + "meta/portmap",
    "coredns": "./coredns",
    "pause": "./pause",
    "probe": "./probe",
}
KWOK = "sigs.k8s.io/kwok"
# The folders of kwok's own module that make fake nodes and pods behave; without stages it refuses to start.
KWOK_STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")

STAGES = "kwok-stages.yaml"
# Archives of one static program each, made without any builder.
IMAGES = {"pause.tar": "pause", "coredns.tar": "coredns", "probe.tar": "probe"} if sys.platform == "linux" else {}

_NEEDED = {
    "api": ("etcd", "kube-apiserver", "kubectl"),
    "control": (*CONTROL, STAGES),
    "node": (*(name for name in CONTROL if name != "kwok"), *NODE, *IMAGES),
}


def packages() -> dict[str, str]:
    """All that this platform can run, built together: the families share most of their compiled packages."""
    return CONTROL | NODE if sys.platform == "linux" else CONTROL


def needed_by(shape: str) -> tuple[str, ...]:
    return _NEEDED[shape]


def link_flags() -> str:
    """Unstamped binaries report v0.0.0, and Helm's version checks then refuse the cluster."""
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    stamps = {
        "k8s.io/component-base/version.gitVersion": KUBERNETES,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/component-base/version.gitTreeState": "clean",
        "github.com/containerd/containerd/v2/version.Version": required("github.com/containerd/containerd/v2"),
        "sigs.k8s.io/kwok/pkg/consts.Version": required(KWOK),
    }
    return "-s -w " + " ".join(f"-X {name}={value}" for name, value in stamps.items())


def required(module: str) -> str:
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise LookupError(f"{module} is not required by {MODULE / 'go.mod'}")
    return found[1]


def inputs_of(name: str) -> str:
    """A hash of all that decides what one binary is; for the stages, what they are copied from."""
    if name == STAGES:
        return hashlib.sha256(f"{required(KWOK)} {KWOK_STAGES}".encode()).hexdigest()
    package = packages()[name]
    own = sorted((MODULE / package).glob("*.go")) if package.startswith("./") else []
    digest = hashlib.sha256(f"{name} {package} {TAGS} {link_flags()} {sys.platform}-{platform.machine()}".encode())
    for path in (MODULE / "go.mod", MODULE / "go.sum", *own):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def key() -> str:
    """Twelve hex digits over the whole recipe: another recipe is another folder in the cache."""
    archiver = Path(__file__).with_name("archives.py").read_text()
    parts = [*(inputs_of(name) for name in sorted(packages())), repr(KWOK_STAGES), repr(IMAGES), archiver]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
