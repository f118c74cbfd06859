"""What a bare cluster lacks: names (CoreDNS), volumes of class `local`, fake nodes, a pretended GPU."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from string import Template

from tools.cluster import archives
from tools.cluster.cache import Cache
from tools.cluster.instance import Instance
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node

_MANIFESTS = Path(__file__).with_name("manifests")
GPU = "nvidia.com/gpu"
# Fake nodes of the control shape, and the GPUs that each of them has.
FAKE_NODES = {"kwok-1": 0, "kwok-2": 0, "kwok-gpu-1": 1, "kwok-gpu-2": 4}


def dns_and_storage(instance: Instance, binaries: Cache, nodes: Iterable[Node]) -> str:
    coredns = _fill(
        "coredns.yaml", coredns_image=archives.reference(binaries.path("coredns.tar")), dns_address=instance.dns_address
    )
    return "---\n".join([coredns, _fill("storage.yaml"), *(volumes(node, node.volumes) for node in nodes)])


def volumes(node: Node, chosen: dict[str, Path]) -> str:
    return "".join(
        _fill("volume.yaml", name=name, path=node.volume_path_inside(path), node=node.name)
        for name, path in chosen.items()
    )


def recycle(kubectl: Kubectl, nodes: Iterable[Node]) -> list[str]:
    """Static volumes have no provisioner: one whose claim is gone is emptied and offered again."""
    listed = json.loads(kubectl("get", "persistentvolumes", "--output=json"))["items"]
    released = {volume["metadata"]["name"] for volume in listed if volume["status"].get("phase") == "Released"}
    recycled: list[str] = []
    for node in nodes:
        chosen = {name: path for name, path in node.volumes.items() if name in released}
        if not chosen:
            continue
        # Emptied while nobody can claim it: whenever this ends early, no claim finds what another one left.
        for path in chosen.values():
            for entry in path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        kubectl("delete", "persistentvolume", *chosen)
        kubectl.apply(volumes(node, chosen))
        recycled += chosen
    return recycled


def fake_nodes() -> str:
    return "".join(
        _fill(
            "kwok-node.yaml",
            name=name,
            gpu=f', {GPU}: "{count}"' if count else "",
            labels=f', {GPU}.present: "true"' if count else "",
        )
        for name, count in FAKE_NODES.items()
    )


def pretend_gpus(kubectl: Kubectl, node: str, count: int) -> None:
    """Pods that ask for a GPU are scheduled there and really run, on the CPU."""
    amount = str(count) if count else None
    status = {"status": {"capacity": {GPU: amount}, "allocatable": {GPU: amount}}}
    kubectl("patch", "node", node, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
    kubectl("label", "node", node, "--overwrite", f"{GPU}.present=true" if count else f"{GPU}.present-")


def _fill(file: str, **values: str) -> str:
    return Template((_MANIFESTS / file).read_text()).substitute(values)
