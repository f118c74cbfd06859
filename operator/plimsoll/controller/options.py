"""How one process of the operator is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plimsoll.controller.health import Ports
from plimsoll.routing.conversation import PORT


@dataclass(frozen=True)
class Options:
    configuration: Path
    ports: Ports
    # None of them: all namespaces of the cluster.
    namespaces: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    context: str | None = None
    lease: bool = True
    # None: the namespace that the operator runs in.
    lease_namespace: str | None = None
    # Where gateways get the routing document; 0: nowhere.
    feed_port: int = PORT
    # Seconds in which every ModelConfig is read live once.
    resync: float = 600.0
