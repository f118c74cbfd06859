"""Ports that are listened on, and the server behind each of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Generator
from functools import partial
from typing import Any, cast

import uvicorn

from plimsoll.errors import UserError
from plimsoll.gateway.protocol import Connection, Doors

_LOG = logging.getLogger(__name__)
_BACKLOG = 2048
# After the last answer, for what clients have not read yet.
_LAST_WORDS_SECONDS = 5
# The server ticks ten times a second.
_TICKS_BETWEEN_LOOKS = 5
# Of files that are no connection of a client: upstream connections, journal, libraries.
_FILES_FOR_EACH_CLIENT = 2


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """They are ours: a signal ends the taking of calls, and only much later the server."""
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                cast(Connection, connection).look(now)
        return await super().on_tick(counter)

    def say_goodbye(self) -> None:
        """Each connection ends with the answer that is under way on it; the others are closed now."""
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def stop_listening(self) -> None:
        if self.started:
            for server in self.servers:
                server.close()


def server_of(application: Any, doors: Doors) -> Server:
    config = uvicorn.Config(
        application,
        # A class to uvicorn, and nothing more is done with it than to call it.
        http=cast(Any, partial(Connection, doors)),
        interface="asgi3",
        ws="none",
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_LAST_WORDS_SECONDS,
    )
    return Server(config)


def listener(host: str, port: int, option: str) -> socket.socket:
    """On one address, or on every address of both kinds."""
    try:
        if host or not socket.has_dualstack_ipv6():
            return socket.create_server((host, port), backlog=_BACKLOG)
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    except OSError as error:
        where = f"port {port}" + (f" of {host}" if host else "")
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise UserError(
            f"{where} cannot be listened on: {why}",
            fix=f"choose another one with {option}, or an own address with --host",
        ) from None


def allow_files(connections: int) -> None:
    """Many systems let a process have 1,024 files, and let it have more as soon as it asks."""
    wanted = connections * _FILES_FOR_EACH_CLIENT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _LOG.warning("%d connections need %d open files, and this process may have %d", connections, wanted, most)
