"""From the start of a server's process until it says that it is ready, with its files in the page cache."""

import time

from bench.engine.servers import Server
from bench.frame.runner import Record

ROW = "start-up"


class StartUp:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._warm = False

    def measure(self, record: Record) -> None:
        if not self._warm:
            self._start()
            self._warm = True
        record(ROW, self._start())

    def _start(self) -> float:
        began = time.perf_counter()
        try:
            self._server.start()
            return time.perf_counter() - began
        finally:
            self._server.stop()
