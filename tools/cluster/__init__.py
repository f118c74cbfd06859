"""One Kubernetes for tests and demos on this machine, behind one small interface whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tools.cluster import host
from tools.cluster.cluster import ProcessCluster
from tools.cluster.instance import find
from tools.cluster.kind import KindCluster
from tools.cluster.progress import Progress
from tools.cluster.status import Status


class Cluster(Protocol):
    """What both backends can do."""

    @property
    def kubeconfig(self) -> Path: ...
    def up(self) -> None: ...
    def load(self, image_archives: Sequence[Path]) -> None: ...
    def kubectl(self, *arguments: str, stdin: str | None = None) -> str: ...
    def status(self) -> Status: ...
    def logs(self, component: str = "", lines: int = 50) -> str: ...
    def down(self) -> None: ...


def open_cluster(name: str, shape: str = "node", nodes: int = 1, progress: Progress | None = None) -> ProcessCluster:
    """The cluster of plain processes with this name; nothing is started before `up`."""
    return ProcessCluster(name, shape, nodes, progress)


def choose_cluster(name: str, shape: str | None = None, nodes: int = 1, backend: str = "auto") -> Cluster:
    """By the backend that this machine can run; one that exists keeps its backend and its shape."""
    existing = find(name)
    shape = shape or (existing.shape if existing else "node")
    if backend == "auto":
        backend = host.existing_backend(name) or host.choose_backend(shape)
    return KindCluster(name, nodes) if backend == "kind" else ProcessCluster(name, shape, nodes)


__all__ = ["Cluster", "choose_cluster", "open_cluster"]
