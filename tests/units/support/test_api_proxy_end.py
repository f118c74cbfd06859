"""At the end of a proxy nothing stays open, whatever the server does."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.api_proxy import ApiProxy
from tests.support.certificates import self_signed, server_side
from tests.support.waiting import wait_until
from tests.units.support.conftest import PODS


@contextmanager
def secure_server(tmp_path: Path, *, greets: bool) -> Iterator[Path]:
    """Speaks TLS and never says goodbye, or, where it does not greet, never ends a handshake; its kubeconfig."""
    certificate = self_signed(tmp_path / "server.pem", "127.0.0.1")
    kept: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if greets:
                    connection = server_side(certificate).wrap_socket(connection, server_side=True)
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                kept.append(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        file = tmp_path / "secure.kubeconfig"
        file.write_text(yaml.safe_dump(_kubeconfig_of(listener.getsockname()[1], certificate)))
        yield file
        # Only this ends an accept that waits.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for connection in kept:
        connection.close()


def _kubeconfig_of(port: int, certificate: Path) -> dict[str, Any]:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    return {
        "current-context": "toy",
        "contexts": [{"name": "toy", "context": {"cluster": "toy", "user": "toy"}}],
        "clusters": [{"name": "toy", "cluster": cluster}],
        "users": [{"name": "toy", "user": {"token": "toy-token"}}],
    }


def test_at_its_end_no_handshake_stays_open(tmp_path: Path) -> None:
    with secure_server(tmp_path, greets=False) as kubeconfig:
        with ApiProxy(kubeconfig, tmp_path) as proxy, _asking(proxy):
            wait_until(lambda: proxy.connections == 1, 5, "the server is asked")
        assert proxy.connections == 0


@pytest.mark.parametrize("reader", ["stays", "has gone"])
def test_at_its_end_no_watch_stays_open_though_the_server_never_says_goodbye(tmp_path: Path, reader: str) -> None:
    with secure_server(tmp_path, greets=True) as kubeconfig:
        with ApiProxy(kubeconfig, tmp_path) as proxy, _asking(proxy) as connection:
            wait_until(proxy.open_watches, 5, "the watch is open")
            if reader == "has gone":
                connection.close()
                wait_until(lambda: not proxy.open_watches(), 5, "the watch is over")
        assert proxy.connections == 0


@contextmanager
def _asking(proxy: ApiProxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=5)
    try:
        connection.request("GET", f"{PODS}?watch=true")
        yield connection
    finally:
        connection.close()
