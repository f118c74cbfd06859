"""A connection to a port of a pod through the API server, as `kubectl port-forward` makes them, in a WebSocket."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, Forbidden
from plimsoll.cluster.kinds import POD

_PROTOCOL = "v4.channel.k8s.io"
# The first byte of each message says what it is.
_DATA, _TROUBLE = 0, 1
# However the runtime of the node puts it: nobody listened, so nothing of ours was heard.
_NOBODY_THERE = re.compile(
    r"connection refused|failed to connect|no such container|not found|not running", re.IGNORECASE
)


class Broken(ClusterError):
    """The connection to a pod; `unheard` when nothing of what was said to it has reached it."""

    def __init__(self, message: str, *, unheard: bool) -> None:
        super().__init__(message, fix="connect again, to another pod")
        self.unheard = unheard


class PodConnection:
    """Bytes there and back. The protocol has no end of one direction: who has nothing more to say closes it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        # Each channel begins with a message that repeats the number of the port.
        self._begun: set[int] = set()

    async def send(self, data: bytes) -> None:
        try:
            await self._socket.send_bytes(bytes([_DATA]) + data)
        except (ClientError, ConnectionError) as error:
            raise Broken(f"the connection to the pod broke: {error}", unheard=False) from None

    async def receive(self) -> bytes:
        """Nothing when the pod has closed it."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.ERROR:
                raise Broken(f"the connection to the pod broke: {self._socket.exception()}", unheard=False)
            if message.type is not WSMsgType.BINARY:
                return b""
            channel, data = message.data[0], message.data[1:]
            if channel not in self._begun:
                self._begun.add(channel)
            elif channel == _TROUBLE:
                words = data.decode(errors="replace").strip()
                raise Broken(words, unheard=bool(_NOBODY_THERE.search(words)))
            elif data:
                return bytes(data)


@asynccontextmanager
async def connected_to(client: Client, namespace: str, pod: str, port: int) -> AsyncIterator[PodConnection]:
    try:
        async with client.upgraded(POD.path(namespace, pod, "portforward"), {"ports": str(port)}, _PROTOCOL) as socket:
            yield PodConnection(socket)
    except Forbidden:
        # An upgrade is refused without words.
        raise Forbidden(
            f"you may not forward ports of pods in namespace {namespace}", "get and create", "pods/portforward"
        ) from None
