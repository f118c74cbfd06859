"""Where the gateways of a cluster are: the pods behind their Service, and which of them take calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.cli.reaching import Object

if TYPE_CHECKING:
    from plimsoll.cluster.client import Client

_OURS = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=gateway"
_PORT = "http"


@dataclass(frozen=True)
class Gateways:
    client: Client
    namespace: str
    selector: str
    # A number, or the name that pods give it.
    port: int | str

    async def pods(self) -> list[Object]:
        from plimsoll.cluster.kinds import POD

        found = await self.client.list(POD, self.namespace, self.selector)
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    async def ready(self) -> list[tuple[str, int]]:
        """Name and port of each pod that takes calls."""
        return [(pod["metadata"]["name"], _port_of(pod, self.port)) for pod in await self.pods() if _is_ready(pod)]

    async def check(self) -> None:
        from plimsoll.cli.exits import ClusterTrouble

        pods = await self.pods()
        if any(map(_is_ready, pods)):
            return
        told = ", ".join(f"{pod['metadata']['name']} is {_state_of(pod)}" for pod in pods) or "it has no pods"
        raise ClusterTrouble(
            f"no gateway in namespace {self.namespace} is ready: {told}",
            fix=f"wait a moment, then see why: kubectl describe pods -n {self.namespace} -l {self.selector}",
        )


async def find_gateways(client: Client, namespace: str) -> Gateways:
    from plimsoll.cli.exits import NotThere
    from plimsoll.cluster.kinds import SERVICE

    services = await client.list(SERVICE, namespace, _OURS)
    for service in services:
        spec = service["spec"]
        if selector := spec.get("selector"):
            return Gateways(client, namespace, _written(selector), _target(spec["ports"]))
    raise NotThere(
        f"there is no gateway in namespace {namespace}",
        fix="install it (docs/install.md), or say where it is with --namespace-of-gateway",
    )


def _written(selector: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def _target(ports: Sequence[Mapping[str, Any]]) -> int | str:
    port = next((each for each in ports if each.get("name") == _PORT), ports[0])
    target: int | str = port.get("targetPort") or port["port"]
    return target


def _port_of(pod: Object, port: int | str) -> int:
    if isinstance(port, int):
        return port
    known = [each for container in pod["spec"]["containers"] for each in container.get("ports") or ()]
    return next((int(each["containerPort"]) for each in known if each.get("name") == port), 8080)


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _state_of(pod: Object) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "ending"
    status = pod.get("status") or {}
    states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
    reasons = [state["waiting"].get("reason") for state in states if "waiting" in state]
    return str(next(filter(None, reasons), None) or status.get("phase") or "new").lower()
