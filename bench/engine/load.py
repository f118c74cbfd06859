"""The load: so many clients, each with one request at a time, over plain sockets so that clients cost little."""

import selectors
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.engine.answers import Answer, Counted
from bench.frame.errors import BenchError

_CHUNK = 1 << 16
# No server is silent for this long while it answers.
_SILENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Burst:
    """What one burst of requests brought."""

    seconds: float
    answers: tuple[Counted, ...]
    client_seconds: float  # processor time of the clients
    server_seconds: float = 0.0  # processor time of the server

    @property
    def tokens(self) -> int:
        return sum(answer.tokens for answer in self.answers)

    @property
    def prompt_tokens(self) -> int:
        return sum(answer.prompt_tokens for answer in self.answers)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def first_token_seconds(self) -> float:
        """The median."""
        return statistics.median(answer.first_token_seconds for answer in self.answers)


def play(port: int, requests: Sequence[bytes], clients: int, new_tokens: int) -> Burst:
    """Ask all, never more than `clients` at a time; over when the last answer is whole."""
    used, began = time.thread_time(), time.perf_counter()
    answers = _Clients(port, iter(requests)).run(clients)
    ended = time.perf_counter()
    spent = time.thread_time() - used
    return Burst(ended - began, tuple(answer.read(new_tokens) for answer in answers), spent)


class _Clients:
    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._running = 0
        self._ended: list[Answer] = []

    def run(self, clients: int) -> list[Answer]:
        try:
            for _ in range(clients):
                self._ask_next()
            while self._running:
                self._step()
        finally:
            for key in list(self._selector.get_map().values()):
                self._leave(key)
            self._selector.close()
        return self._ended

    def _step(self) -> None:
        ready = self._selector.select(_SILENCE_SECONDS)
        if not ready:
            raise BenchError(f"the server sent nothing for {_SILENCE_SECONDS:.0f} s")
        for key, _ in ready:
            connection, answer = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            data = connection.recv(_CHUNK)
            if data:
                answer.take(data, time.perf_counter())
                continue
            self._leave(key)
            self._ended.append(answer)
            self._ask_next()

    def _ask_next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            return
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = Answer(time.perf_counter())
        connection.sendall(request)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, answer)
        self._running += 1

    def _leave(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
        self._running -= 1
