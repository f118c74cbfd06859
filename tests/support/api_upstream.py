"""The real API server behind the proxy: its address, the credentials for it, and every connection to it."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

LARGEST_BODY = 64 * 1024**2
_TURNS = 500
_TURN_SECONDS = 0.01


class Upstream:
    """The real API server, as a kubeconfig describes it."""

    def __init__(self, kubeconfig: Path, folder: Path, user: str | None) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        self._credentials: dict[str, str] = _named(config["users"], context["user"])["user"]
        self._cluster: dict[str, str] = cluster
        self._folder = folder
        self._user = user
        self._sockets: list[socket.socket] = []

    def address(self, request: web.Request) -> URL:
        return URL(self._cluster["server"].rstrip("/") + request.raw_path, encoded=True)

    @property
    def open_sockets(self) -> int:
        return sum(each.fileno() >= 0 for each in self._sockets)

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[aiohttp.ClientSession]:
        """At its end no socket stays behind: none in its handshake, none that waits for the server's goodbye."""
        headers = {}
        if token := self._credentials.get("token"):
            headers["Authorization"] = f"Bearer {token}"
        if self._user is not None:
            headers["Impersonate-User"] = self._user
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls(name), socket_factory=self._socket),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
            # What the server has packed, the client unpacks.
            auto_decompress=False,
            read_bufsize=LARGEST_BODY,
        ) as session:
            yield session
        for each in self._sockets:
            # Whatever is still waiting for the server's goodbye waits no longer.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for _ in range(_TURNS):
            if not self.open_sockets:
                return
            await asyncio.sleep(_TURN_SECONDS)
        raise AssertionError(f"{self.open_sockets} connections to the API server stay open")

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._sockets = [each for each in self._sockets if each.fileno() >= 0]
        self._sockets.append(made)
        return made

    def _tls(self, name: str) -> ssl.SSLContext | bool:
        if not self._cluster["server"].startswith("https:"):
            return True
        context = ssl.create_default_context(cadata=_pem(self._cluster, "certificate-authority"))
        if certificate := _pem(self._credentials, "client-certificate"):
            # The ssl module reads a key from a file only.
            pair = self._folder / f"{name}.pem"
            pair.touch(mode=0o600)
            pair.write_text(certificate + "\n" + _pem(self._credentials, "client-key"))
            context.load_cert_chain(pair)
            pair.unlink()
        return context


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _pem(entry: dict[str, str], field: str) -> str:
    if data := entry.get(f"{field}-data"):
        return base64.b64decode(data).decode()
    return Path(entry[field]).read_text() if field in entry else ""
