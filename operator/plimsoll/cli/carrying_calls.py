"""Every connection to a port of this machine, carried to a gateway that is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from plimsoll.cluster.errors import ClusterError, NotFound, Refused, Unavailable
from plimsoll.cluster.forwarding import Broken, connected_to

if TYPE_CHECKING:
    from plimsoll.cli.gateway_pods import Gateways
    from plimsoll.cluster.forwarding import PodConnection

_CHUNK = 65_536
# As long as a roll-out may take to have a pod ready again.
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_LAST_WORDS_SECONDS = 1.0
# What a caller said is kept until somebody has heard it; the longest body of a gateway is less.
_MOST_KEPT = 8 << 20


class Carrier:
    """`tell` gets one line for people whenever something is not as usual."""

    def __init__(self, gateways: Gateways, tell: Callable[[str], None]) -> None:
        self._gateways = gateways
        self._tell = tell
        # Pods that have just failed, by the time of that: there may be better ones.
        self._failed: dict[str, float] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, port: int, listening: Callable[[int], None]) -> None:
        """Until it is cancelled; no connection outlives it."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        try:
            listening(server.sockets[0].getsockname()[1])
            await asyncio.Event().wait()
        finally:
            server.close()
            running = tuple(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._carry(_Caller(reader, writer))
        except ClusterError as error:
            self._tell(f"a connection ended: {error.message}")
            writer.transport.abort()
        except ConnectionError:
            pass  # the caller is gone
        except asyncio.CancelledError:
            # The verb ends. Streams would take what goes on from here for a failure of theirs.
            writer.transport.abort()
        finally:
            self._running.discard(task)
            writer.close()

    async def _carry(self, caller: _Caller) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE_SECONDS
        while True:
            pod, port = await self._pod(end)
            try:
                async with connected_to(self._gateways.client, self._gateways.namespace, pod, port) as connection:
                    return await caller.talk(connection)
            except (Broken, NotFound, Refused, Unavailable) as trouble:
                self._failed[pod] = clock()
                unheard = caller.can_say_it_again and getattr(trouble, "unheard", True)
                if not unheard or clock() >= end:
                    raise
                self._tell(f"{pod} does not take the connection, so another one is asked: {trouble.message}")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _pod(self, end: float) -> tuple[str, int]:
        """One that is ready; of several the one that failed least lately."""
        clock, told = asyncio.get_running_loop().time, False
        while True:
            if found := await self._gateways.ready():
                return min(found, key=lambda pod: self._failed.get(pod[0], 0.0))
            if clock() >= end:
                raise Unavailable(f"no gateway in namespace {self._gateways.namespace} is ready")
            if not told:
                told = True
                self._tell("no gateway is ready now; waiting for one")
            await asyncio.sleep(_PAUSE_SECONDS)


class _Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        # What was said so far, as long as it could be said again.
        self._said: bytearray | None = bytearray()

    @property
    def can_say_it_again(self) -> bool:
        return self._said is not None

    async def talk(self, connection: PodConnection) -> None:
        """Until one of both has ended it. Raises what the pod's side breaks with."""
        if self._said:
            await connection.send(bytes(self._said))
        up, down = asyncio.ensure_future(self._up(connection)), asyncio.ensure_future(self._down(connection))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if up.done() and isinstance(up.exception(), Broken):
                # The pod's side knows why, and may just be about to say it.
                await asyncio.wait((down,), timeout=_LAST_WORDS_SECONDS)
            await (down if down.done() else up)
        finally:
            for task in (up, down):
                task.cancel()
                with suppress(asyncio.CancelledError, ClusterError, ConnectionError):
                    await task

    async def _up(self, connection: PodConnection) -> None:
        while data := await self._reader.read(_CHUNK):
            if self._said is not None:
                self._said += data
                if len(self._said) > _MOST_KEPT:
                    self._said = None
            await connection.send(data)

    async def _down(self, connection: PodConnection) -> None:
        while data := await connection.receive():
            self._said = None
            self._writer.write(data)
            # A caller that does not read stops the pod, and no memory fills here.
            await self._writer.drain()
