"""A server that says to everybody what it was told to say, piece by piece, and closes the connection."""

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress


class CannedServer:
    """On loopback, each connection in a thread of its own; `most_at_once` is how many it had at the same time."""

    def __init__(self, pieces: Sequence[bytes], together: int = 1) -> None:
        self._pieces = pieces
        # Nobody is answered before so many have asked.
        self._together = threading.Barrier(together)
        self._lock = threading.Lock()
        self._now = 0
        self.most_at_once = 0
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            request = connection.recv(1 << 16)
            with self._lock:
                self.asked.append(request)
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
            self._together.wait(5)
            with self._lock:
                self._now -= 1
            for piece in self._pieces:
                connection.sendall(piece)
            # What is closed with something unread is reset, and the caller may lose what it was just told.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
