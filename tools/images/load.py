"""Brings built images into the running cluster, when there is one and it does not have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tools.cluster import choose_cluster, host
from tools.cluster.progress import Progress
from tools.images.record import Built


def load(name: str, images: list[Built], root: Path, progress: Progress) -> None:
    if host.existing_backend(name) is None:
        progress.say(f"cluster {name} is not up: nothing is loaded (`make cluster CLUSTER={name}` starts it)")
        return
    cluster = choose_cluster(name)
    missing = [image for image in images if not has(cluster.kubectl, image.reference)]
    if not missing:
        progress.say(f"cluster {name} has {', '.join(image.reference for image in images)}")
        return
    with progress.step(f"loaded into cluster {name}"):
        cluster.load([root / image.archive for image in missing])


def has(kubectl: Callable[..., str], reference: str) -> bool:
    """By what every node itself reports; a node may take some seconds to report a new image."""
    nodes = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    listed = [{name for image in node["status"].get("images", []) for name in image["names"]} for node in nodes]
    return bool(listed) and all(reference in names for names in listed)
