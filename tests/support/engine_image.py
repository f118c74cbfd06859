"""Images that tests serve models with: built when their content changed, and loaded into a cluster."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.kube import Kube
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.cluster.progress import Progress
from tools.images.build import Builder
from tools.images.load import has
from tools.images.recipes import Recipe

ROOT = Path(__file__).parents[2]
RECIPE = Recipe("test-engine", at="tests/engine")
# In CI a machine without them fails, as one without a whole tier does.
needs_a_builder = pytest.mark.skipif(
    os.environ.get("CI") != "true" and not (shutil.which("buildah") and shutil.which("mmdebstrap")),
    reason="needs buildah and mmdebstrap",
)


def loaded_into(cluster: ProcessCluster, recipe: Recipe = RECIPE) -> str:
    """Its reference, once every node has it; by default that of the small engine of the tests."""
    image, _ = Builder(ROOT, "auto", "", Progress()).build(recipe)
    if not has(cluster.kubectl, image.reference):
        cluster.load([ROOT / image.archive])
    return image.reference


def by_digest(kube: Kube, name: str) -> str:
    """An image of ours as the nodes report it, by its digest: what cannot be another one tomorrow."""
    repository = f"localhost/plimsoll/{name}@"

    def reported() -> str:
        found = kube.list("v1", "Node")[0]["status"].get("images", [])
        return next((each for image in found for each in image["names"] if each.startswith(repository)), "")

    return wait_until(reported, 60, f"a node reports {name} by its digest")
