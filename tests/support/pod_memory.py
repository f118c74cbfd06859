"""What the containers of real nodes take, as the kernel counts it. The nodes' control groups are this machine's."""

from __future__ import annotations

from pathlib import Path

from tests.support.kube import Object
from tools.cluster.host import CGROUPS

_USED = ("memory.current", "memory.usage_in_bytes")
# Of the whole group, in version 2 and in version 1: pages of files, which the kernel takes back when it needs room.
_FILES = (("inactive_file", "active_file"), ("total_inactive_file", "total_active_file"))


def taken_by(pod: Object, container: str) -> int:
    """Bytes of a container: all that its control group counts, processes and kernel, without the page cache."""
    statuses = pod["status"]["containerStatuses"]
    (full,) = (each["containerID"] for each in statuses if each["name"] == container)
    group = _group(full.rpartition("/")[2])
    (used,) = (int((group / name).read_text()) for name in _USED if (group / name).exists())
    counts = {name: int(count) for name, count in map(str.split, (group / "memory.stat").read_text().splitlines())}
    names = next(each for each in reversed(_FILES) if each[0] in counts)
    return used - sum(counts[name] for name in names)


def _group(container: str) -> Path:
    found = [each.parent for each in CGROUPS.glob(f"**/*{container}*/memory.stat")]
    assert len(found) == 1, f"container {container} has {len(found)} control groups with memory"
    return found[0]
