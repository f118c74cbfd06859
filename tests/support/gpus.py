"""GPUs that nodes have and lose: capacity is what a device plugin would tell, and pods without a GPU end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.kube import Kube, Object
from tests.support.objects import GPU


@dataclass(frozen=True)
class Gpus:
    """Of one node; all others have none as long as a test has this."""

    kube: Kube
    node: Object

    def give(self, count: int = 1) -> None:
        self._tell(str(count))

    def take(self) -> None:
        """The last one is gone, and with it whoever used it."""
        self._tell(None)
        for pod in self.kube.list("v1", "Pod"):
            if pod["spec"].get("nodeName") == self.node["metadata"]["name"] and _asks(pod):
                self.kube.delete(pod)

    def _tell(self, amount: str | None) -> None:
        offers(self.kube, self.node, amount)


def offers(kube: Kube, node: Object, amount: str | None) -> None:
    """From now on the node has so many GPUs; None: it never heard of any."""
    kube.merge(node, {"status": {"capacity": {GPU: amount}, "allocatable": {GPU: amount}}}, subresource="status")


def _asks(pod: Object) -> bool:
    return any(GPU in each.get("resources", {}).get("limits", {}) for each in pod["spec"]["containers"])


@pytest.fixture
def gpus(kube: Kube) -> Iterator[Gpus]:
    """One GPU in the whole cluster."""
    nodes = [node for node in kube.list("v1", "Node") if GPU in node["status"]["capacity"]]
    for node in nodes:
        offers(kube, node, None)
    one = Gpus(kube, nodes[0])
    one.give()
    yield one
    for node in nodes:
        offers(kube, node, node["status"]["capacity"][GPU])
