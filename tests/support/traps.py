"""Sockets that listen on every address of this machine, and count who came: nobody should."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Trap:
    """The kernel takes connections by itself, so a connection counts even if nobody answers it."""

    def __init__(self, listening: list[socket.socket]) -> None:
        self._listening = listening
        self.port = int(listening[0].getsockname()[1])

    def visits(self) -> int:
        """How many connections came since the last call."""
        count = 0
        for each in self._listening:
            with suppress(BlockingIOError):
                while True:
                    each.accept()[0].close()
                    count += 1
        return count


@contextmanager
def trap() -> Iterator[Trap]:
    first = _listen(socket.AF_INET, "0.0.0.0", 0)
    listening = [first]
    with suppress(OSError):  # a machine without IPv6 cannot be reached by it either
        listening.append(_listen(socket.AF_INET6, "::", int(first.getsockname()[1])))
    try:
        yield Trap(listening)
    finally:
        for each in listening:
            each.close()


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
