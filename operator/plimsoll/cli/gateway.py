"""`plimsoll gateway`: the process behind the one URL. Containers run it; so can anybody with a routing document."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.grouping import grouped


class AuthName(StrEnum):
    REQUIRED = "required"
    NONE = "none"


class OnFailure(StrEnum):
    REFUSE = "refuse"
    SERVE = "serve"


@dataclass(frozen=True)
class Door:
    host: Annotated[str, typer.Option("--host", help="Address to listen on. Default: every address.")] = ""
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="For callers: /v1/… 0 takes one that is free.")
    ] = 8080
    inner_port: Annotated[
        int, typer.Option("--inner-port", min=0, max=65535, help="For its owner: /health, /ready, /metrics.")
    ] = 9090
    auth: Annotated[
        AuthName, typer.Option("--auth", help="none asks for no keys and opens every model to everybody: for laptops.")
    ] = AuthName.REQUIRED
    provider_networks: Annotated[
        str,
        typer.Option(
            "--provider-networks",
            help="Where providers may lie beside public addresses, as in 10.20.0.0/16,fd12::/48. A name that leads "
            "anywhere else is not called: whoever may write a ModelConfig chooses it.",
        ),
    ] = ""


@dataclass(frozen=True)
class Routing:
    """From a file, or from the operator."""

    routing: Annotated[
        Path | None,
        typer.Option(
            "--routing",
            help="File with the routing document: models, keys, limits. It is read again whenever it changes; one that "
            "cannot be read leaves the last good one in force.",
        ),
    ] = None
    operator: Annotated[
        str | None,
        typer.Option("--operator", metavar="HOST:PORT", help="Follow this operator, in place of a file."),
    ] = None
    operator_ca: Annotated[
        Path | None, typer.Option("--operator-ca", help="File with the CA of the operator; read for every connection.")
    ] = None
    operator_token: Annotated[
        Path | None,
        typer.Option("--operator-token", help="File with the token that is shown to it; read for every connection."),
    ] = None
    copy: Annotated[
        Path | None,
        typer.Option("--copy", help="Folder with the copy of the routing document that is served by until it answers."),
    ] = None


@dataclass(frozen=True)
class Usage:
    records: Annotated[
        Path, typer.Option("--records", help="Folder of the journal, in which every attempt leaves what it used.")
    ] = Path("/var/lib/plimsoll/records")
    on_records_failure: Annotated[
        OnFailure,
        typer.Option(
            "--on-records-failure",
            help="While nothing can be recorded: refuse calls with 503, or serve them unrecorded.",
        ),
    ] = OnFailure.REFUSE


@dataclass(frozen=True)
class Patience:
    """All in seconds."""

    wait: Annotated[
        float, typer.Option("--wait-seconds", min=0, help="Longest wait for a limit whose owner lets calls wait.")
    ] = 90.0
    head: Annotated[float, typer.Option("--head-seconds", min=0.1, help="For the head of a request.")] = 10.0
    body: Annotated[float, typer.Option("--body-seconds", min=0.1, help="For its body.")] = 30.0
    write: Annotated[
        float, typer.Option("--write-seconds", min=0.1, help="For a client that does not read its answer.")
    ] = 30.0
    idle: Annotated[int, typer.Option("--idle-seconds", min=1, help="Between two requests of a connection.")] = 75
    goodbye: Annotated[
        float,
        typer.Option("--goodbye-seconds", min=0, help="After SIGTERM: not ready, and calls are still taken."),
    ] = 5.0
    drain: Annotated[
        float,
        typer.Option("--drain-seconds", min=0, help="Then, for what is running; streams after it end with an error."),
    ] = 120.0


@dataclass(frozen=True)
class Room:
    connections: Annotated[int, typer.Option("--connections", min=1, help="Of clients, at the same time.")] = 16_384
    body_mib: Annotated[
        int, typer.Option("--body-mib", min=1, help="Of all bodies in memory, beyond the first 64 KiB of each.")
    ] = 64


@grouped
def gateway(routing: Routing, door: Door, usage: Usage, patience: Patience, room: Room) -> None:
    """Serve the models of a routing document behind one URL.

    Example: plimsoll gateway --routing routing.json --records ./records --auth none --host 127.0.0.1
    """
    from plimsoll.cli.following import routing_of
    from plimsoll.gateway.serving import serve
    from plimsoll.gateway.settings import Auth, Bounds, Drain, OnRecordsFailure, Settings
    from plimsoll.logs import set_up_server

    set_up_server()
    serve(
        Settings(
            routing=routing_of(routing),
            host=door.host,
            port=door.port,
            inner_port=door.inner_port,
            auth=Auth(door.auth),
            records=usage.records,
            on_records_failure=OnRecordsFailure(usage.on_records_failure),
            patience=patience.wait,
            body_bytes=room.body_mib << 20,
            bounds=Bounds(
                head=patience.head,
                body=patience.body,
                write=patience.write,
                idle=patience.idle,
                connections=room.connections,
            ),
            drain=Drain(goodbye=patience.goodbye, finish=patience.drain),
            provider_networks=tuple(each.strip() for each in door.provider_networks.split(",") if each.strip()),
        )
    )
