"""The cluster that the operator is measured on: a true control plane, fake nodes, and users to tell apart."""

import json
from pathlib import Path

import yaml

from plimsoll.api import names
from tests.support.operator_rights import ACCOUNT, RIGHTS, kubeconfig_of, rendered
from tools.cluster import instance, open_cluster
from tools.cluster.cluster import ProcessCluster
from tools.cluster.process import ProcessTable, wait_until
from tools.cluster.progress import Silent
from tools.install.settings import HOME

NAME = "bench-operator"
# The operator serves the first; what it is compared with fills the second.
OURS = "ours"
PEERS = "peers"
PEER = "bare-loop"
_PATIENCE = 30.0
_ROOM = {"cpu": "1000", "memory": "4Ti", "pods": "1000"}


class Stand:
    """A fresh cluster for every repetition: emptying one would take longer, and would leave its history."""

    def __init__(self) -> None:
        self._cluster: ProcessCluster | None = None

    @property
    def cluster(self) -> ProcessCluster:
        assert self._cluster is not None, "the stand is not up"
        return self._cluster

    def up(self) -> None:
        self.down()
        self._cluster = open_cluster(NAME, shape="control", progress=Silent())
        self._cluster.up()
        wanted = [each for each in rendered(self._cluster, [OURS]) if _needed(each)]
        spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (OURS, PEERS)]
        self._cluster.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all([*spaces, *wanted]))
        # Fake nodes offer what they are told to; more than a thousand pods have to find a place.
        room = json.dumps({"status": dict.fromkeys(("capacity", "allocatable"), _ROOM)})
        for node in self._cluster.kubectl("get", "nodes", "--output=name").split():
            self._cluster.kubectl("patch", node, "--subresource=status", "--type=merge", f"--patch={room}")
        if not wait_until(self._defined, _PATIENCE, 0.1):
            raise TimeoutError("ModelConfigs are not served")

    def _defined(self) -> bool:
        crd = json.loads(self.cluster.kubectl("get", "crd", f"{names.PLURAL}.{names.GROUP}", "--output=json"))
        conditions = crd.get("status", {}).get("conditions", [])
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

    def kubeconfig_of_operator(self) -> Path:
        """With the rights of an installation, and no other."""
        return kubeconfig_of(self.cluster, ACCOUNT)

    def kubeconfig_of_peer(self) -> Path:
        return kubeconfig_of(self.cluster, PEER, "system:masters")

    def daemons(self) -> list[int]:
        found = instance.find(NAME)
        return [process.pid for process in ProcessTable(found.records, found.logs).all()] if found else []

    def down(self) -> None:
        open_cluster(NAME, progress=Silent()).down()
        self._cluster = None


def _needed(each: dict[str, object]) -> bool:
    """The operator itself is a process of the bench."""
    metadata = each["metadata"]
    assert isinstance(metadata, dict)
    return each["kind"] in RIGHTS | {"CustomResourceDefinition"} or metadata["name"] == HOME
