"""`plimsoll operator`: the process that makes models out of ModelConfigs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.exits import Unusable
from plimsoll.cli.grouping import grouped

_OFTEN, _SELDOM = 5.0, 3600.0
Configuration = Annotated[Path, typer.Option("--config", help="The operator's configuration, a YAML file.")]


@dataclass(frozen=True)
class Served:
    """Which cluster, and how much of it."""

    namespaces: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Serve this namespace only; can be given again. Default: all of them."),
    ] = None
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", help="Default: $KUBECONFIG, ~/.kube/config, or the pod's own account."),
    ] = None
    context: Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")] = None


@dataclass(frozen=True)
class Leading:
    lease: Annotated[
        bool, typer.Option("--lease/--no-lease", help="Wait for a Lease, so that only one process writes.")
    ] = True
    lease_namespace: Annotated[
        str | None, typer.Option("--lease-namespace", help="Where the Lease lies. Default: the operator's namespace.")
    ] = None


@dataclass(frozen=True)
class Doors:
    host: Annotated[str, typer.Option("--host", help="Address for probes and metrics.")] = "0.0.0.0"  # noqa: S104
    health: Annotated[int, typer.Option("--health-port", help="Port of /healthz and /readyz.")] = 8080
    metrics: Annotated[int, typer.Option("--metrics-port", help="Port of /metrics.")] = 9090
    feed: Annotated[
        int,
        typer.Option("--feed-port", min=0, max=65535, help="Port where gateways get the routing document. 0: nowhere."),
    ] = 8443


@dataclass(frozen=True)
class Working:
    resync: Annotated[
        str,
        typer.Option("--resync", help="Time in which everything is read anew, as an event may get lost: 5s to 1h."),
    ] = "10m"
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info"


@grouped
def operator(config: Configuration, served: Served, leading: Leading, doors: Doors, working: Working) -> None:
    """Run the operator: watch ModelConfigs, and make what they declare come true.

    Example: plimsoll operator --config operator.yaml --namespace team-a --no-lease
    """
    import asyncio

    from plimsoll.controller.health import Ports
    from plimsoll.controller.logs import set_up
    from plimsoll.controller.options import Options
    from plimsoll.controller.startup import run

    options = Options(
        configuration=config,
        ports=Ports(doors.host, doors.health, doors.metrics),
        namespaces=tuple(dict.fromkeys(served.namespaces or ())),
        kubeconfig=served.kubeconfig,
        context=served.context,
        lease=leading.lease,
        lease_namespace=leading.lease_namespace,
        feed_port=doors.feed,
        resync=_resync(working.resync),
    )
    set_up(working.log_level)
    asyncio.run(run(options))


def _resync(text: str) -> float:
    """In seconds. More often would be all that the operator does; seldom is to wait for an event that never comes."""
    from plimsoll.cli.times import duration

    seconds = duration(text).total_seconds()
    if not _OFTEN <= seconds <= _SELDOM:
        raise Unusable(f"--resync {text} is out of bounds", fix="choose a time from 5s to 1h")
    return seconds
