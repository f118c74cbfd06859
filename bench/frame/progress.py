"""Progress of long work: a step says that it runs, every now and then that it still runs, and how it ended."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from tools.cluster.progress import Progress

HEARTBEAT = 0.2


class Steps:
    """Shows one step at a time while the caller waits for something that says nothing by itself."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._progress = Progress(stream, clock)
        self._clock = clock

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[None]:
        began = self._clock()
        over = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(label, began, over), daemon=True)
        ticker.start()
        ending = "failed"
        try:
            yield
            ending = "done"
        finally:
            over.set()
            ticker.join()
            self._progress.say(f"{label}: {ending} ({self._clock() - began:.1f} s)")

    def _tick(self, label: str, began: float, over: threading.Event) -> None:
        while not over.wait(HEARTBEAT):
            self._progress.update(f"{label}, {self._clock() - began:.0f} s")
