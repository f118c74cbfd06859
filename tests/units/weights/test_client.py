"""Servers that say no, fall silent or speak something else: each is left, for a reason that is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from plimsoll.api.reasons import Reason
from tests.support.gguf_maker import Made
from tests.support.model_server import Asked, Content, ModelServer, Reply, Route, served
from tests.support.sources import PATIENT, refused


def at(server: ModelServer, route: Route) -> dict[str, object]:
    server.routes["/x.gguf"] = route
    return {"http": {"url": f"{server.base}/x.gguf?token=hidden"}}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.SOURCE_FORBIDDEN),
        (403, Reason.SOURCE_FORBIDDEN),
        (404, Reason.SOURCE_NOT_FOUND),
        (410, Reason.SOURCE_NOT_FOUND),
        (429, Reason.SOURCE_UNREACHABLE),
        (500, Reason.SOURCE_UNREACHABLE),
        (503, Reason.SOURCE_UNREACHABLE),
        (304, Reason.SOURCE_UNREACHABLE),
        (204, Reason.SOURCE_UNREACHABLE),
        (302, Reason.SOURCE_UNREACHABLE),
    ],
)
def test_every_refusal_has_its_reason(status: int, reason: Reason, server: ModelServer) -> None:
    route = at(server, lambda _: Reply(status, length=0))
    assert str(status) in refused(route, reason, open_to=server.host).message


@pytest.mark.parametrize("where", ["headers", "first byte", "middle"])
def test_a_server_that_falls_silent_is_left(where: str, server: ModelServer, tiny: Made) -> None:
    over = threading.Event()

    def silent(asked: Asked) -> Reply:
        if where == "headers":
            over.wait(5)
        return Reply(200, {}, body(), 100_000)

    def body() -> Iterator[bytes]:
        if where == "middle":
            yield tiny.data[:1000]
        over.wait(5)
        yield b""

    hasty = replace(PATIENT, connect=0.01, silence=0.01)
    try:
        trouble = refused(at(server, silent), Reason.SOURCE_UNREACHABLE, open_to=server.host, limits=hasty)
    finally:
        over.set()
    assert "in time" in trouble.message


def test_a_server_that_sends_drop_by_drop_is_left_in_the_end(server: ModelServer, tiny: Made) -> None:
    over = threading.Event()

    def drops() -> Iterator[bytes]:
        for byte in tiny.data:
            yield bytes([byte])
            if over.wait(0.002):
                return

    hasty = replace(PATIENT, source=0.03)
    try:
        route = at(server, lambda _: Reply(200, {}, drops(), 100_000))
        refused(route, Reason.SOURCE_UNREACHABLE, open_to=server.host, limits=hasty)
    finally:
        over.set()


def test_what_speaks_no_http_is_told(server: ModelServer) -> None:
    route = at(server, lambda _: Reply(200, {"X": "y" * 100_000}, length=0))
    trouble = refused(route, Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert "as a web server does" in trouble.message
    assert "hidden" not in str(trouble)


def test_a_closed_port_is_told_without_the_query(server: ModelServer) -> None:
    source = at(server, served(Content(b"", 0)))
    server.close()
    trouble = refused(source, Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert f"no connection to {server.host}:{server.port}" in trouble.message
    assert "hidden" not in str(trouble)
