"""HTTP/1.1 as far as the upstream needs it, with every byte in its own hands so that each can be wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from tests.support.counting_upstream.asked import Header

_LARGEST_HEAD = 1 << 16


class Gone(Exception):
    """Nobody is there to be answered."""


class Ears(asyncio.StreamReader):
    """Knows at once when the caller has gone, also while nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=_LARGEST_HEAD)
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.gone.set()


class Caller:
    """One connection."""

    def __init__(self, ears: Ears, writer: asyncio.StreamWriter) -> None:
        self.ears = ears
        self._writer = writer

    @property
    def leaving(self) -> bool:
        return self.ears.gone.is_set() or self._writer.transport.is_closing()

    def put(self, data: bytes) -> None:
        if self.leaving:
            raise Gone
        self._writer.write(data)

    async def flush(self) -> None:
        """Waits while the caller does not read."""
        await self._writer.drain()
        # A turn of the loop, in which it is noticed that the caller has gone; `drain` alone takes none.
        await asyncio.sleep(0)

    def close(self) -> None:
        """As servers do: what was put before still goes out."""
        self._writer.close()

    def half_close(self) -> None:
        self._writer.write_eof()

    def reset(self) -> None:
        found: socket.socket = self._writer.get_extra_info("socket")
        # Without lingering, closing is a reset.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Serve = Callable[[Caller], Awaitable[None]]


async def listen(serve: Serve, port: int) -> asyncio.Server:
    def connection() -> asyncio.StreamReaderProtocol:
        ears = Ears()

        async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            caller = Caller(ears, writer)
            try:
                await serve(caller)
            finally:
                caller.close()

        return asyncio.StreamReaderProtocol(ears, connected)

    return await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port, backlog=4096)


async def read_request(ears: Ears) -> tuple[str, str, list[Header], bytes] | None:
    """Method, path, headers and body; None when no other one comes."""
    try:
        head = await ears.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
        return method, path, headers, await _body(ears, dict(headers))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _body(ears: Ears, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await ears.readexactly(int(headers.get("content-length", "0")))
    parts = []
    while size := int(await ears.readuntil(b"\r\n"), 16):
        parts.append((await ears.readexactly(size + 2))[:-2])
    await ears.readuntil(b"\r\n")
    return b"".join(parts)


def head_of(status: int, headers: Sequence[Header]) -> bytes:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Whatever"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
