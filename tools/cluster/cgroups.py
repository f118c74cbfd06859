"""The control group below which a node's pods live: made before the kubelet, removed when all in it has ended."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.host import CGROUPS as ROOT
from tools.cluster.host import cgroup_controllers
from tools.cluster.process import wait_until


def make(name: str) -> None:
    for controller, tree in cgroup_controllers().items():
        group = tree / name
        if controller == "unified":
            available = (tree / "cgroup.controllers").read_text().split()
            (tree / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in available))
        group.mkdir(exist_ok=True)
        if controller == "cpuset":
            # Version 1 starts with empty sets, and nothing can run in an empty set.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((tree / file).read_text())


def remove(pattern: str) -> None:
    # By name everywhere: on machines with both versions runc makes the same group in the second tree too.
    for group in [*ROOT.glob(pattern), *ROOT.glob(f"*/{pattern}")]:
        if not wait_until(partial(_remove_tree, group), patience=10):
            raise ClusterError(f"The control group {group} cannot be removed: a process in it has not ended.")


def _remove_tree(group: Path) -> bool:
    """Deepest first; a group whose last process is still ending stays for the next try."""
    try:
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()
    except OSError:
        return not group.exists()
    return True
